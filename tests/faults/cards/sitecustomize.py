"""Sound cards that the test plugs in and out: SDL's list of them is the file FAULTS_CARDS."""

import os
from pathlib import Path

if "FAULTS_CARDS" in os.environ:
    from pygame._sdl2 import audio

    audio.get_audio_device_names = lambda _capture: (
        Path(os.environ["FAULTS_CARDS"]).read_text().splitlines()
    )
