"""Every pitched instrument by its name: `Tone` in, mono or stereo signal out.

Levels are rough: the mixer sets loudness.
"""

from __future__ import annotations

from . import electronic, struck, sustained
from .tone import Instrument

INSTRUMENTS: dict[str, Instrument] = {
    function.__name__: function
    for function in (
        struck.grand_piano,
        struck.felt_piano,
        struck.nylon_guitar,
        struck.steel_guitar,
        struck.ukulele,
        struck.harp,
        struck.pizzicato,
        struck.upright_bass,
        struck.electric_bass,
        struck.marimba,
        struck.xylophone,
        struck.glockenspiel,
        struck.music_box,
        struck.kalimba,
        struck.steel_pan,
        struck.vibraphone,
        struck.electric_piano,
        sustained.strings,
        sustained.spiccato,
        sustained.cello,
        sustained.brass,
        sustained.flute,
        sustained.clarinet,
        sustained.accordion,
        sustained.choir,
        electronic.warm_pad,
        electronic.glass_pad,
        electronic.supersaw,
        electronic.pulse_lead,
        electronic.synth_pluck,
        electronic.synth_bass,
        electronic.reese,
        electronic.sub_bass,
        struck.overdriven_guitar,
    )
}
