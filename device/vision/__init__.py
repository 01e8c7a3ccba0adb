"""Pixels live and die here: cameras, detection, alignment, inference, tracking."""

import os

# A missing camera is tried again and again, and told once, by us. OpenCV and FFmpeg would tell
# the journal of each try, in words of their own. Both read this when they are loaded.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

MOST_PIXELS = 50_000_000
"""A larger picture is not decoded: a few kilobytes can claim gigabytes, which no board has. Most
photos of telephones stay below, not all; twice 150 MB are what one of this size takes."""
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
