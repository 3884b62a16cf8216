"""Clearing files against the package cardutil, both ways: what it writes is described to the values that were written,
and what is encoded again is the same file, which it reads as before.

ipm.py CLUBSWITCH FOLDER. IPM_COUNT records a file (300), from SEED (1).
"""

import copy
import datetime
import json
import os
import random
import subprocess
import sys

from cardutil import mciipm

SWITCH, FOLDER = sys.argv[1], sys.argv[2]
COUNT = int(os.environ.get("IPM_COUNT", "300"))
DICE = random.Random(os.environ.get("SEED", "1"))

DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLAIN = LETTERS + LETTERS.lower() + DIGITS + " .,-/&()+"
PDS_FIELDS = ("48", "62", "123", "124", "125")

# Tags of the chip: how many bytes, and which of them are digits or text.
CHIP = {
    "82": 2, "84": 7, "95": 5, "9A": "261123", "9C": "00", "5F2A": "0364", "9F02": "000000012345", "9F03": "000000000000",
    "9F09": 2, "9F10": 18, "9F1A": "0364", "9F1E": b"78664748", "9F26": 8, "9F27": 1, "9F33": 3, "9F34": 3, "9F35": "22",
    "9F36": 2, "9F37": 4, "9F41": "00000012", "9F53": 1,
}


def text(alphabet, least, most):
    return "".join(DICE.choice(alphabet) for _ in range(DICE.randint(least, most)))


def digits(least, most=None):
    return text(DIGITS, least, most or least)


def chip():
    """DE55 and its tags as they are told."""
    wire, told = b"", {}
    for tag in DICE.sample(sorted(CHIP), DICE.randint(1, 12)):
        kind = CHIP[tag]
        if isinstance(kind, int):
            value = DICE.randbytes(kind)
            told[tag] = value.hex().upper()
        elif isinstance(kind, bytes):
            value, told[tag] = kind, kind.decode()
        else:
            value, told[tag] = bytes.fromhex(kind), kind
        wire += bytes.fromhex(tag) + bytes([len(value)]) + value
    return wire, told


def pds(letters):
    """Private data; sometimes more than one field holds."""
    most = DICE.choice([20, 20, 300])
    tags = DICE.sample(range(1, 1100), DICE.randint(1, 9))
    tags += [tag for tag in (2, 3, 23, 25, 52, 105, 122, 146, 148, 158, 159, 165, 191, 301, 306) if DICE.random() < 0.3]
    room, found = 4 * 999 - 5 * 307, {}
    for tag in tags:
        value = text(letters, 1, most)
        room -= 7 + len(value)
        if room > 0:
            found[f"{tag:04}"] = value
    return found


def record(letters, padded):
    """A record for cardutil, and what the switch should tell of it."""
    moment = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=DICE.randrange(365 * 86400))
    amount, number = DICE.randrange(10**12), DICE.randrange(10**8)
    place = [text(letters.replace(" ", ""), 3, 20), text(letters.replace(" ", ""), 3, 20), text(LETTERS, 3, 13)]
    place.append(f"{digits(5):10}" + "FRA" + "FRA")
    private = pds(letters)
    mti, function = DICE.choice([("1240", "200"), ("1240", "205"), ("1442", "450"), ("1644", "697"), ("1740", "700")])
    rows = {
        "2": digits(13, 19),
        "3": DICE.choice(["000000", "200000", "010000"]),
        "4": (amount, f"{amount:012}"),
        "5": (7, f"{7:012}"),
        "6": (0, f"{0:012}"),
        "9": (70000001, "70000001"),
        "12": (moment, moment.strftime("%y%m%d%H%M%S")),
        "14": "2912",
        "22": "51010151134C",
        "23": digits(3),
        "24": function,
        "25": "1400",
        "26": (5411, "5411"),
        "30": digits(24),
        "31": digits(23),
        "32": digits(6, 11),
        "33": digits(6, 11),
        "37": text(LETTERS + DIGITS, 12, 12),
        "38": text(LETTERS + DIGITS, 6, 6),
        "40": digits(3),
        "41": (value := text(PLAIN, 1, 8), f"{value:8}"),
        "42": (value := text(PLAIN, 1, 15), f"{value:15}"),
        "43": ("\\".join(place), {str(at + 1): part for at, part in enumerate(place)}),
        "49": "364",
        "50": "840",
        "51": "978",
        "54": "".join(f"0001{DICE.choice(['364', '840'])}{DICE.choice('CD')}{digits(12)}" for _ in range(DICE.randint(1, 6))),
        "63": text(LETTERS + DIGITS, 16, 16),
        "71": (number, f"{number:08}"),
        "72": text(letters, 1, 400),
        "73": "261123",
        "93": digits(6, 11),
        "94": digits(6, 11),
        "95": text(LETTERS + DIGITS, 10, 10),
        "100": digits(6, 11),
        "105": text(PLAIN, 1, 40),
        "111": digits(12),
        "127": text(letters, 1, 60),
    }
    wire, told = chip()
    rows["55"] = (wire + bytes(DICE.randint(1, 20) if padded else 0), told)
    given, wanted = {"MTI": mti}, {}
    for name, value in rows.items():
        if DICE.random() < 0.75 or name == "24":
            value, seen = value if isinstance(value, tuple) else (value, value)
            given[f"DE{name}"], wanted[name] = value, seen
    given.update({f"PDS{tag}": value for tag, value in private.items()})
    return given, {"mti": mti, "fields": wanted, "private": private}


def told(line):
    """A line of the switch in the shape of `record`: private data of all their fields together."""
    message = json.loads(line)
    fields = message["fields"]
    private = {}
    for name in PDS_FIELDS:
        private.update(fields.pop(name, {}))
    return {"mti": message["mti"], "fields": fields, "private": private}


def run(*command, given=None):
    done = subprocess.run([SWITCH, *command], input=given, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"FAIL  {' '.join(command)}: {done.stderr.decode()}")
    return done.stdout


def read(path, encoding, blocked):
    with open(path, "rb") as file:
        return list(mciipm.IpmReader(file, encoding=encoding, blocked=blocked))


def check(dialect, encoding, letters, blocked, padded):
    what = f"{dialect}, {'blocked' if blocked else 'plain'}{', padded' if padded else ''}"
    path = os.path.join(FOLDER, "file.ipm")
    records = [record(letters, padded) for _ in range(COUNT)]
    with open(path, "wb") as file:
        writer = mciipm.IpmWriter(file, encoding=encoding, blocked=blocked)
        for given, _ in records:
            # The writer puts private data into the record it is given.
            writer.write(copy.deepcopy(given))
        writer.close()
    config = os.path.join(FOLDER, "ipm.toml")
    common = ["--config", config, "--dialect", dialect, "--framing", "len4-be"]
    shown = ["--input", "binary", "--json", "--show-secrets", *(["--blocked"] if blocked else []), path]
    lines = run("describe", *common, *shown)
    found = [told(line) for line in lines.splitlines()]
    if len(found) != COUNT:
        raise SystemExit(f"FAIL  {what}: {COUNT} records wanted, {len(found)} found")
    for at, ((_, wanted), found) in enumerate(zip(records, found)):
        if wanted != found:
            raise SystemExit(f"FAIL  {what}: record {at + 1}: {wanted} wanted, {found} found")
    print(f"PASS  {COUNT} records described: {what}")
    # What fills up the chip data is not told, so it does not come back.
    if blocked or padded:
        return
    made = run("encode", *common, "--output", "binary", "-", given=lines) + bytes(4)
    with open(path, "rb") as file:
        if file.read() != made:
            raise SystemExit(f"FAIL  {what}: encoded again, the file is another one")
    before = read(path, encoding, False)
    with open(path, "wb") as file:
        file.write(made)
    if read(path, encoding, False) != before:
        raise SystemExit(f"FAIL  {what}: cardutil reads something else")
    print(f"PASS  {COUNT} records encoded again: {what}")


def main():
    os.makedirs(os.path.join(FOLDER, "specs"))
    with open(os.path.join(FOLDER, "specs", "ipm-ascii.toml"), "w") as file:
        file.write('title = "IPM in ASCII"\nextends = "mastercard-ipm"\n[coding]\n')
        file.writelines(f'{what} = "ascii"\n' for what in ("mti", "number", "text", "track", "length"))
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "conf.toml")) as file:
        conf = file.read()
    with open(os.path.join(FOLDER, "ipm.toml"), "w") as file:
        file.write(f'specs = "{FOLDER}/specs"\n{conf}')
    for blocked in (False, True):
        for padded in (False, True):
            # EBCDIC pages hold Latin-1.
            check("mastercard-ipm", "cp500", PLAIN + "ÄÖÜßéèñ[]!|^", blocked, padded)
            check("ipm-ascii", "latin_1", PLAIN, blocked, padded)


main()
