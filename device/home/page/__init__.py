"""The page: the speaker in a browser, on a phone or a desk, by mouse, keyboard or screen reader.

HTML comes whole from here and works by itself, every button a form. The script only saves the
reloading: it posts the same forms and puts the same HTML in place. No picture is ever shown.
"""
