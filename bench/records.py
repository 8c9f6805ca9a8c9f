#!/usr/bin/env python3
"""Packs sounds, pictures, grids of numbers, tables and programs with llz and with xz, zstd and brotli,
unpacks what llz made, and prints one table.

    python3 -m venv /tmp/numbers
    /tmp/numbers/bin/pip install numpy pillow scikit-image matplotlib tzdata pip
    PATH=/tmp/numbers/bin:$PATH bench/records.py [--levels 3,6] [--folder FOLDER] [--only NAME,...]

It needs espeak-ng, sox, xz, zstd and brotli. Sounds are spoken by espeak-ng and made by sox; pictures and
grids are those that scikit-image and matplotlib bring; programs are this machine's and pip's. FOLDER keeps
the inputs.
"""

import argparse
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import program

PEERS = {
    "xz -9e": ["xz", "-9e", "-c"],
    "zstd -19": ["zstd", "-19", "-q", "-c"],
    "brotli -q 11": ["brotli", "-q", "11", "-c"],
}
MUSIC = ("synth 4 pluck C3 synth 4 sine mix E4 synth 4 pinknoise mix 0 gain -9 fade 0.1 4 1 "
         "reverb 60").split()
WORDS = ("the archive is packed once and read many times so its size counts more than the minutes that "
         "a machine needs for it while a sound a picture or a table of numbers has a structure that no "
         "search for repeated bytes will ever find because no two samples are the same ").split()


def noise(n, seed):
    return np.random.default_rng(seed).standard_normal(n)


def run(*command, **kwargs):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **kwargs).stdout


def sounds(out):
    """Speech and music as PCM of 8, 16 and 24 bits."""
    text = " ".join(WORDS[(7 * i + i * i // 5) % len(WORDS)] for i in range(90))
    speech = out / "speech"
    run("espeak-ng", "-v", "en", "-w", speech, text)
    sox = lambda name, *arguments: run("sox", "-R", "-D", *arguments[0], out / name, *arguments[1])
    sox = lambda *arguments: run("sox", "-R", "-D", *map(str, arguments))
    sox(speech, out / "speech-16-mono.wav", "trim", "0", "12")
    sox(speech, "-b", "8", out / "speech-8-mono.wav", "rate", "11025")
    for name, rate, channels, bits in [("16-stereo", 44100, 2, 16), ("24-stereo", 22050, 2, 24),
                                       ("24-mono", 22050, 1, 24), ("8-stereo", 22050, 2, 8)]:
        sox("-n", "-r", rate, "-c", channels, "-b", bits, out / f"music-{name}.wav", *MUSIC)
    speech.unlink()


def pictures(out):
    """Photographs without compression, and a page of black and white."""
    import skimage
    data = Path(skimage.__file__).parent / "data"
    Image.open(data / "astronaut.png").convert("RGB").save(out / "astronaut.ppm")
    Image.open(data / "coffee.png").convert("RGB").save(out / "coffee.bmp")
    Image.open(data / "chelsea.png").convert("RGB").save(out / "chelsea.tif")
    Image.open(data / "camera.png").convert("L").save(out / "camera.pgm")
    Image.open(data / "moon.png").convert("L").save(out / "moon.pgm")
    page = Image.new("1", (1728, 2376), 0)
    draw = ImageDraw.Draw(page)
    for line in range(60):
        words = " ".join(WORDS[(11 * i + line * line) % len(WORDS)] for i in range(17))
        draw.text((100 + line % 3 * 7, 90 + 37 * line), words, fill=1, font_size=26)
    (out / "page.pic").write_bytes(page.tobytes())


def grids(out):
    """Numbers: measured ones where a package brings them, made ones elsewhere."""
    import matplotlib
    import skimage
    samples = Path(matplotlib.__file__).parent / "mpl-data/sample_data"
    height = np.load(samples / "jacksboro_fault_dem.npz")["elevation"]
    height.astype("<i2").tofile(out / "height.i16")
    depth = np.load(samples / "topobathy.npz")["topo"]
    depth.astype("<f4").tofile(out / "depth.f32")
    disparity = np.load(Path(skimage.__file__).parent / "data/motorcycle_disp.npz")["arr_0"]
    disparity[::2, ::2].astype("<f4").tofile(out / "disparity.f32")
    y, x = np.mgrid[0:300, 0:400] / 60.0
    field = 273.15 + 12 * np.sin(x) * np.cos(y / 2) + 3 * np.sin(3.1 * x + y * y / 7)
    (field + 0.05 * noise(field.size, 1).reshape(field.shape)).astype("<f4").tofile(out / "field.f32")
    (field + 0.01 * noise(field.size, 2).reshape(field.shape))[:200].astype("<f8").tofile(out / "field.f64")
    walk = np.cumsum(noise(60_000, 3)) * 0.01 + 101.25
    np.round(walk, 2).astype("<f8").tofile(out / "prices.f64")
    # Packed integers of twelve bits, most significant first, as GRIB's simple packing has them.
    scaled = np.round((field - field.min()) / (field.max() - field.min()) * 60_000)
    head = b"GRIB" + bytes(range(60))
    (out / "field.grib").write_bytes(head + (scaled + np.round(20 * noise(field.size, 4).reshape(
        field.shape))).clip(0, 65535).astype(">u2").tobytes() + b"7777")
    # Seismic traces as IBM floats, like `geo` of the Calgary corpus.
    trace = np.convolve(noise(26_000, 5), np.exp(-np.linspace(-3, 3, 15) ** 2), "same") * 20_000
    exponent = np.maximum(np.ceil(np.log2(np.abs(trace) + 1) / 4), 1).astype(int)
    fraction = np.floor(np.abs(trace) / 16.0 ** exponent * 2 ** 16).astype(np.int64) << 8
    ibm = (np.signbit(trace).astype(np.int64) << 31) | (exponent + 64 << 24) | fraction
    ibm.astype(">u4").tofile(out / "traces.geo")


def tables(out):
    """Records: a spreadsheet's cells, time zones, measurements with a time."""
    rng = np.random.default_rng(6)
    cells = bytearray()
    for row in range(2500):
        for column in range(13):
            value = float(rng.integers(0, 99_999)) / (100 if column % 3 else 1)
            cells += struct.pack("<HHHH3sd", 3, 15, row, column, b"\0\x01" + bytes([column]), value)
    (out / "kennedy.xls").write_bytes(cells)
    import tzdata
    zones = Path(tzdata.__file__).parent / "zoneinfo"
    files = sorted(p for p in zones.rglob("*") if p.is_file() and p.read_bytes()[:4] == b"TZif")
    seen = dict.fromkeys(p.read_bytes() for p in files)
    (out / "zoneinfo").write_bytes(b"".join(seen))
    time, log = 1_700_000_000, bytearray()
    for i in range(16_000):
        time += int(rng.integers(1, 9))
        log += struct.pack("<IHhfB3x", time, i % 12, int(200 + 40 * np.sin(i / 300) + rng.normal()),
                           1013 + np.float32(np.sin(i / 2000)), int(rng.integers(0, 4)))
    (out / "readings.dat").write_bytes(log)


def programs(out):
    """Machine code of ELF and PE."""
    for name in ("find", "sed"):
        shutil.copy(Path("/usr/bin") / name, out / f"{name}.elf")
    import pip
    shutil.copy(Path(pip.__file__).parent / "_vendor/distlib/t64.exe", out / "t64.exe")
    objects = sorted(Path("/usr/lib/x86_64-linux-gnu").glob("*.o"))
    (out / "crt.obj").write_bytes(b"".join(p.read_bytes() for p in objects))


def skewed(out):
    """Text that is noise in fewer than 256 letters: the model's time would be spent for nothing."""
    import base64
    import uuid
    random = lambda n, seed: np.random.default_rng(seed).bytes(n)
    (out / "base64.txt").write_bytes(base64.encodebytes(random(150_000, 7)))
    (out / "hex.txt").write_bytes(random(100_000, 8).hex().encode())
    ids = (str(uuid.UUID(bytes=random(16, 9 + i), version=4)) for i in range(4000))
    (out / "uuid.csv").write_bytes("".join(f"{i}\n" for i in ids).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--levels", default="2,6")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", help="names of inputs")
    arguments = parser.parse_args()
    levels = arguments.levels.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch) / "inputs"
        if not folder.exists():
            folder.mkdir(parents=True)
            for make in (sounds, pictures, grids, tables, programs, skewed):
                make(folder)
        llz = program.llz()
        columns = [f"llz -{level}" for level in levels]
        print("| input | bytes |", " | ".join([*PEERS, *columns, "of the best"]), "|")
        print("|---|---:|" + "---:|" * (len(PEERS) + len(levels) + 1))
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            if arguments.only and path.name not in arguments.only.split(","):
                continue
            raw = path.read_bytes()
            peers = [len(run(*command, path)) for command in PEERS.values()]
            sizes = []
            for level in levels:
                packed = Path(scratch) / "packed"
                packed.write_bytes(run(llz, "filter", "-q", f"-{level}", stdin=path.open("rb")))
                assert run(llz, "filter", "-d", "-q", stdin=packed.open("rb")) == raw, path
                sizes.append(packed.stat().st_size)
            share = f"{min(sizes) / min(peers):.3f}"
            print(f"| {path.name} | {len(raw)} |", " | ".join(map(str, [*peers, *sizes, share])), "|", flush=True)


main()
