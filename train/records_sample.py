#!/usr/bin/env python3
"""Makes the files from which the prior of codec records is learned, none of which `bench/records.py` measures.

    train/records_sample.py OUT
    cargo run --release -p llz-tools --bin train_prior -- records models OUT/*

Pictures and grids are those that scikit-image and matplotlib bring (others than the measured ones), sounds are made by espeak-ng and
sox, programs and tables are this machine's: another machine gives other files, and so another prior. Names decide the order; it is mixed.
"""

import glob
import hashlib
import sqlite3
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import matplotlib
import numpy as np
import pip
import skimage
from PIL import Image, ImageDraw

OUT = Path(sys.argv[1])
PICTURES = Path(skimage.__file__).parent / "data"
SAMPLES = Path(matplotlib.__file__).parent / "mpl-data"
RANDOM = np.random.default_rng(77)


def save(name, data):
    """The name is put behind a hash of it, which mixes the order."""
    (OUT / f"{hashlib.md5(name.encode()).hexdigest()[:4]}-{name}").write_bytes(data)


def head(path, length, begin=0):
    return Path(path).read_bytes()[begin:begin + length]


def picture(name, mode, box, file):
    part = OUT / file
    Image.open(PICTURES / name).convert(mode).crop(box).save(part)
    save(file, part.read_bytes())
    part.unlink()


def sound(file, *arguments):
    part = OUT / file
    subprocess.run(["sox", "-R", "-D", *[part if a == "OUT" else str(a) for a in arguments]], check=True)
    save(file, part.read_bytes())
    part.unlink()


OUT.mkdir(parents=True, exist_ok=True)
picture("ihc.png", "RGB", (0, 0, 300, 300), "ihc.ppm")
picture("brick.png", "L", (0, 0, 512, 250), "brick.pgm")
picture("motorcycle_right.png", "RGB", (100, 100, 420, 330), "motorcycle.bmp")
picture("cell.png", "L", (0, 0, 400, 300), "cell.tif")
picture("color.png", "RGB", (0, 0, 370, 371), "color.ppm")

speech = OUT / "speech"
text = "Die Glocken von Rom laeuten am Morgen, und der Wind geht leise durch die Strassen der Stadt."
subprocess.run(["espeak-ng", "-v", "de", "-s", "140", "-w", speech, text], check=True)
spoken = ["-t", "wav", speech]
sound("speech-16.wav", *spoken, "OUT", "trim", 0, 4)
sound("speech-8.wav", *spoken, "-b", 8, "OUT", "rate", 16000, "trim", 0, 4)
speech.unlink()
tones = {
    "tone-16.wav": (44100, 2, 16, "synth 2 pluck A2 synth 2 triangle mix C5 synth 2 brownnoise mix 0 gain -12 reverb 40"),
    "tone-24.wav": (32000, 2, 24, "synth 1.5 pluck D3 synth 1.5 sine mix F4 synth 1.5 pinknoise mix 0 gain -15"),
    "tone-mono.wav": (16000, 1, 16, "synth 3 pluck E2 synth 3 square mix F3 gain -12 lowpass 3000"),
}
for file, (rate, channels, bits, effects) in tones.items():
    sound(file, "-n", "-r", rate, "-c", channels, "-b", bits, "OUT", *effects.split())

save("eeg.dat", (SAMPLES / "sample_data/eeg.dat").read_bytes())
save("membrane.dat", (SAMPLES / "sample_data/membrane.dat").read_bytes())
y, x = np.mgrid[0:160, 0:220] / 25.0
field = np.cos(x * 1.3) * np.exp(-y / 5) * 40 + np.sin(x * y / 6) * 9
save("grid.f32", (field + 0.02 * RANDOM.standard_normal(field.shape)).astype("<f4").tobytes())
save("grid.f64", (field + 280).astype("<f8")[:90].tobytes())
save("grid.i16", (field * 100 + 30 * RANDOM.standard_normal(field.shape)).astype(">i2").tobytes())
save("counter.u32", np.cumsum(RANDOM.integers(-5, 9, 20_000)).astype("<u4").tobytes())
rows = (struct.pack("<QIfHBB", 1_600_000_000_000 + i * 1000 + int(RANDOM.integers(0, 50)), i, np.float32(np.sin(i / 50) * 3),
                    int(RANDOM.integers(0, 400)), i % 7, 255) for i in range(5000))
save("log.bin", b"".join(rows))

save("w32.exe", head(Path(pip.__file__).parent / "_vendor/distlib/w32.exe", 90_000))
save("ls.elf", head("/usr/bin/ls", 140_000))
save("gzip.elf", head("/usr/bin/gzip", 95_000))
save("libz.so", head(sorted(glob.glob("/usr/lib/*/libz.so.1*"))[-1], 110_000))
compiled = sorted(Path(sysconfig.get_path("stdlib"), "json/__pycache__").glob("*.pyc"))
save("pyc", b"".join(head(path, 40_000) for path in compiled[:6]))
save("font.ttf", head(SAMPLES / "fonts/ttf/DejaVuSansMono.ttf", 100_000, 60_000))
terms = sorted(glob.glob("/usr/share/terminfo/*/*") + glob.glob("/lib/terminfo/*/*"))
save("terminfo", b"".join(Path(path).read_bytes() for path in terms)[:60_000])

page = Image.new("1", (1200, 700))
draw = ImageDraw.Draw(page)
for i in range(18):
    line = f"Sphinx of black quartz, judge my vow; pack my box with five dozen jugs {i}"
    draw.text((40 + i, 30 + 36 * i), line, fill=1, font_size=24)
save("page.pic", page.tobytes())

base = OUT / "base"
with sqlite3.connect(base) as connection:
    connection.execute("create table t(id integer primary key, name text, v real, n int)")
    rows = ((i, f"item{i * 7919 % 1000}", float(RANDOM.normal()), int(RANDOM.integers(0, 100_000))) for i in range(3000))
    connection.executemany("insert into t values(?, ?, ?, ?)", rows)
    connection.execute("create index by_n on t(n)")
connection.close()
save("table.sqlite", base.read_bytes())
base.unlink()
save("coins.png", head(PICTURES / "coins.png", 40_000))
