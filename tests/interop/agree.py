"""Random messages, written and read by the package pyiso8583 and by clubswitch: both must agree on every byte and value.

agree.py CLUBSWITCH DIALECT...; MESSAGES (2000) of each, SEED as a failing run printed it.

The table of the dialect comes from `clubswitch describe --fields --json`, so both sides speak by the same one; how its
words are put to pyiso8583 stands in `Field`, and how contents are taken apart in `Reader`. For each message:
  read     pyiso8583 writes it, `describe --lines` must tell every value.
  written  `encode --lines` must make the bytes of pyiso8583 from the values.
  back     pyiso8583 must read the values in what clubswitch made.
  broken   some of its bytes are spoilt: both refuse it, or both read the same. Where clubswitch alone refuses, because it
           looks into the contents, it must name the field that has the first fault in the order of the message.
"""

import json
import os
import random
import re
import string
import subprocess
import sys
import time
from collections import Counter

import iso8583

BATCH = 2000

ALPHABETS = {
    "n": string.digits,
    "a": string.ascii_letters,
    "an": string.ascii_letters + string.digits,
    "anp": string.ascii_letters + string.digits + " ",
    "ans": "".join(map(chr, range(0x20, 0x7F))),
    "ns": "".join(chr(c) for c in range(0x20, 0x7F) if not chr(c).isalpha()),
    "z": string.digits * 8 + ":;<=>?=",
    "text": "".join(map(chr, range(0x20, 0x7F))) + "شهر فروشگاه ۱۲۳ éßñ €₿ 𝔸🙂",
}
ALPHABETS["free"] = ALPHABETS["text"] + "\x00\n\x1c\x7f"
CLASSES = {
    "n": rb"[0-9]*",
    "a": rb"[A-Za-z]*",
    "an": rb"[A-Za-z0-9]*",
    "anp": rb"[A-Za-z0-9 ]*",
    "ans": rb"[ -~]*",
    "ns": rb"[ -@[-`{-~]*",
    "z": rb"[0-9:-?D]*",
    "x+n": rb"([CD][0-9]*)?",
    "text": rb"[^\x00-\x1f\x7f]*",
    "free": rb"(?s:.*)",
    "b": rb"(?s:.*)",
}
CLASSES = {name: re.compile(pattern) for name, pattern in CLASSES.items()}
HEX = re.compile(rb"[0-9A-Fa-f]*")
# A BCD nibble above 9 is the character behind `9` in ASCII to clubswitch, a hex digit to pyiso8583.
TO_NIBBLES = str.maketrans(":;<=>?", "ABCDEF")
FROM_NIBBLES = str.maketrans("ABCDEF", ":;<=>?")


class Fault(Exception):
    """Content that is not as the dialect wants it."""


def stop(words):
    raise SystemExit(f"agree.py: {words}")


def nibbles_of(data):
    return data.hex().upper().translate(FROM_NIBBLES)


def utf8(data):
    """A text; what is none is told by its bytes."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"bytes in hex": data.hex().upper()}


class Pools:
    """Long random texts, of which values are pieces: a choice for each character would take hours."""

    def __init__(self, rng):
        self.rng = rng
        self.pools = {}

    def take(self, cls, count, starless=False):
        """`count` characters of a class; bytes of UTF-8 where the class has more than ASCII."""
        key = cls, starless
        if key not in self.pools:
            letters = ALPHABETS[cls].replace("*", "") if starless else ALPHABETS[cls]
            text = "".join(self.rng.choices(letters, k=1 << 15))
            self.pools[key] = text.encode() if cls in ("text", "free") else text
        pool = self.pools[key]
        at = self.rng.randrange(len(pool) - count)
        if isinstance(pool, str):
            return pool[at : at + count]
        text = pool[at : at + count].decode("utf-8", "ignore")
        return text + "." * (count - len(text.encode()))


class Field:
    """A field of the dialect, and the same in words of pyiso8583."""

    def __init__(self, n, told, rng):
        self.n = n
        self.name = told["name"]
        self.cls, self.coding, self.inside = told["class"], told["coding"], told.get("inside")
        # A secret that looks masked is refused by `encode`, so there is no star in one.
        self.starless = told["secret"] != "open"
        length = told["length"]
        self.fixed = isinstance(length, int)
        self.min, self.max = (length, length) if self.fixed else (length["min"], length["max"])
        entry = {"desc": self.name, "len_enc": "ascii", "len_type": 0, "max_len": self.max, "len_count": "bytes"}
        if not self.fixed:
            if told["counts"] != "units":
                stop(f"field {n}: a length that counts {told['counts']} has no words here")
            digits, coding = length["digits"], told["length_coding"]
            widths = {"ascii": digits, "bcd": (digits + 1) // 2}
            entry.update(len_enc=coding, len_type=widths[coding])
        # Kinds of the comparison; those of the table must all have been met at the end.
        self.kinds = []
        if (self.cls, self.coding) in (("n", "bcd"), ("z", "bcd")):
            # An odd number of digits is filled up on its left: left_pad says the same.
            entry.update(data_enc="b", len_count="nibbles", left_pad="0")
            self.kinds.append("digits in BCD" if self.cls == "n" else "tracks in BCD")
        elif (self.cls, self.coding) == ("x+n", "bcd") and self.fixed and self.max % 2 == 1:
            # A character before BCD digits has no word in pyiso8583: told as bytes, in hex.
            entry.update(data_enc="b", max_len=1 + self.max // 2)
            self.kinds.append("signed amounts in BCD, as raw bytes")
        elif (self.cls, self.coding) == ("b", "binary"):
            entry.update(data_enc="b")
            self.kinds.append("bytes")
        elif (self.cls, self.coding) == ("b", "hex") and self.fixed:
            # Hex characters on the wire are a text to pyiso8583.
            entry.update(data_enc="ascii", max_len=2 * self.max)
            self.kinds.append("bytes as hex characters, as text")
        elif self.coding == "ascii":
            # Lengths count bytes of UTF-8 and broken UTF-8 is no fault: bytes for characters, and decoded here.
            wide = self.cls in ("text", "free")
            entry.update(data_enc="latin-1" if wide else "ascii")
            self.kinds.append("UTF-8, decoded here" if wide else "text")
        else:
            stop(f"field {n}: class {self.cls} in {self.coding} has no words here")
        if self.inside:
            # pyiso8583 does not look inside: it carries the whole, which Reader takes apart.
            self.kinds.append({"tags": "tagged values", "ber": "BER", "parts": "parts"}[self.inside["kind"]])
        self.entry = entry
        self.lengths = list(range(self.min, self.max + 1))
        rng.shuffle(self.lengths)
        self.next = 0
        self.seen = set()

    def to_other(self, text):
        """A value of ours as pyiso8583 wants it."""
        if self.entry["data_enc"] == "latin-1":
            return text.encode().decode("latin-1")
        if self.coding != "bcd":
            return text
        if self.cls == "x+n":
            return text[0].encode().hex().upper() + text[1:]
        return text.translate(TO_NIBBLES)

    def from_other(self, text):
        """A value of pyiso8583 as we tell it."""
        if self.entry["data_enc"] == "latin-1":
            return utf8(text.encode("latin-1"))
        if self.coding != "bcd":
            return text
        if self.cls == "x+n":
            return chr(int(text[:2], 16)) + text[2:].translate(FROM_NIBBLES)
        return text.translate(FROM_NIBBLES)

    def length(self, rng):
        """Each length in its turn, and the short, the shortest and the longest more often."""
        dice = rng.random()
        if dice < 0.15:
            self.next += 1
            return self.lengths[self.next % len(self.lengths)]
        if dice < 0.25:
            return self.min
        if dice < 0.3:
            return self.max
        return min(self.max, self.min + int(rng.expovariate(0.08)))


class Reader:
    """Takes contents apart as the dialect says: values as JSON tells them, or a Fault."""

    def value(self, field, other, data):
        """A field as pyiso8583 read it, whose bytes are `data`."""
        text = field.from_other(other)
        if field.coding == "ascii":
            self.held(field.cls, data)
        elif field.coding == "hex" and not HEX.fullmatch(data):
            raise Fault
        elif field.coding == "bcd" and field.cls != "z":
            self.held(field.cls, text.encode())
        if not field.inside:
            return text
        kind = field.inside["kind"]
        if kind == "parts":
            self.parts(field.inside, text.encode())
            return text
        return self.tags(field.inside, data) if kind == "tags" else self.ber(field.inside, data)

    def held(self, cls, data):
        if not CLASSES[cls].fullmatch(data):
            raise Fault

    def parts(self, inside, data):
        """Fixed parts of characters; a look at a text, which stays as it is."""
        at = 0
        while at == 0 or inside["repeats"]:
            if at == len(data) and inside["repeats"]:
                return
            for part in inside["pieces"].values():
                if at + part["length"] > len(data):
                    raise Fault
                self.held(part["class"], data[at : at + part["length"]])
                at += part["length"]
        if at != len(data):
            raise Fault

    def tags(self, inside, data):
        told, at = [], 0
        tag_chars, digits = inside["tag_chars"], inside["length_digits"]
        while at < len(data):
            tag, length = data[at : at + tag_chars], data[at + tag_chars : at + tag_chars + digits]
            at += tag_chars + digits
            if len(tag + length) < tag_chars + digits or not (tag.isalnum() and tag.isascii() and length.isdigit()):
                raise Fault
            value = data[at : at + int(length)]
            at += int(length)
            if at > len(data):
                raise Fault
            piece = inside["pieces"].get(tag.decode())
            if piece:
                self.held(piece["class"], value)
            told.append((tag.decode(), utf8(value)))
        return gathered(told)

    def ber(self, inside, data, strict=True):
        told = []
        for tag, value in ber_items(data):
            piece = inside["pieces"].get(tag)
            if piece:
                told.append((tag, self.chip(piece, value, strict)))
            elif int(tag[:2], 16) & 0x20 and self.is_ber(value):
                # Inside what the dialect does not name nothing is refused.
                told.append((tag, self.ber(inside, value, strict=False)))
            else:
                told.append((tag, value.hex().upper()))
        return gathered(told)

    def is_ber(self, data):
        try:
            return bool(list(ber_items(data)))
        except Fault:
            return False

    def chip(self, piece, value, strict):
        """A tag of the chip: its length is known from outside, so fillings are told by their looks."""
        cls, coding, most = piece["class"], piece["coding"], piece["length"]["max"]
        if coding == "binary":
            units, text = len(value), value.hex().upper()
        elif coding == "ascii":
            units, text = len(value), utf8(value)
            good = CLASSES[cls].fullmatch(value)
        elif coding == "bcd":
            text = nibbles_of(value)
            filled = len(text) == most + 1
            good = not filled or text[0] == "0"
            text = text[1:] if filled else text
            units = len(text)
        elif coding == "bcd-right-f":
            text = nibbles_of(value)
            text = text[:-1] if text.endswith("?") else text
            units, good = len(text), True
        else:
            stop(f"a tag in {coding} has no words here")
        if strict:
            if "bcd" in coding:
                good = good and (cls == "z" or CLASSES[cls].fullmatch(text.encode()))
            if coding != "binary" and not good or not piece["length"]["min"] <= units <= most:
                raise Fault
        return text


def ber_items(data):
    at = 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        begin = at
        at += 1
        if data[begin] & 0x1F == 0x1F:
            while data[at : at + 1] and data[at] & 0x80:
                at += 1
            at += 1
        tag = data[begin:at]
        if at > len(data) or len(tag) > 4 or at == len(data):
            raise Fault
        length = data[at]
        at += 1
        if length > 0x7F:
            more = length & 0x7F
            if not 1 <= more <= 4 or at + more > len(data):
                raise Fault
            length = int.from_bytes(data[at : at + more], "big")
            at += more
        if at + length > len(data):
            raise Fault
        yield tag.hex().upper(), data[at : at + length]
        at += length


def gathered(items):
    """What comes again makes a list; where others stand between, the whole is a list of pieces."""
    seen, last, apart = set(), None, False
    for name, _ in items:
        apart |= name in seen and name != last
        seen.add(name)
        last = name
    # A list of pieces is itself one value of a list.
    items = [(name, [value] if isinstance(value, list) else value) for name, value in items]
    if apart:
        return [{name: value} for name, value in items]
    told = {}
    for name, value in items:
        if name not in told:
            told[name] = value
        elif isinstance(told[name], list):
            told[name].append(value)
        else:
            told[name] = [told[name], value]
    return told


class Maker:
    """Random values that are as the dialect wants them."""

    def __init__(self, rng):
        self.rng = rng
        self.pools = Pools(rng)

    def value(self, field):
        """The value as pyiso8583 wants it, what `encode` may be given for it where that differs, and what it is like."""
        if not field.inside:
            text, kinds = self.plain(field)
            given = text.replace("=", "D") if "tracks in BCD" in kinds and self.rng.random() < 0.5 else None
            return field.to_other(text), given, kinds
        kind = field.inside["kind"]
        if kind == "parts":
            text, pieces = self.parts(field)
            given = pieces if self.rng.random() < 0.5 else None
            return field.to_other(text), given, field.kinds + (["parts given as pieces"] if given else [])
        data, kinds = self.tags(field) if kind == "tags" else self.ber(field)
        other = data.decode("latin-1") if kind == "tags" else data.hex().upper()
        return other, None, field.kinds + kinds

    def plain(self, field):
        count = field.length(self.rng)
        field.seen.add(count)
        kinds = list(field.kinds)
        if not field.fixed and count in (0, field.max):
            kinds.append("empty" if count == 0 else "of greatest length")
        if field.coding == "bcd" and field.cls != "x+n" and count % 2 == 1:
            kinds.append("odd digits in BCD")
        return self.text(field.cls, field.coding, count, field.starless), kinds

    def text(self, cls, coding, count, starless=False):
        if cls == "b":
            return self.rng.randbytes(count).hex().upper()
        if cls == "x+n":
            return self.rng.choice("CD") + self.pools.take("n", count - 1)
        text = self.pools.take(cls, count, starless)
        # Printed tracks have D as well as `=`; in BCD both are the same nibble, and told as `=`.
        return text.replace("=", "D", 1) if cls == "z" and coding == "ascii" else text

    def parts(self, field):
        parts = field.inside["pieces"]
        size = sum(part["length"] for part in parts.values())
        rounds = self.rng.randint(0, field.max // size) if field.inside["repeats"] else 1
        field.seen.add(rounds * size)
        values = [[self.text(p["class"], "ascii", p["length"]) for p in parts.values()] for _ in range(rounds)]
        pieces = {name: [value[at] for value in values] for at, name in enumerate(parts)}
        return "".join("".join(value) for value in values), pieces if rounds else {}

    def tags(self, field):
        inside = field.inside
        head = inside["tag_chars"] + inside["length_digits"]
        left = field.length(self.rng)
        left = 0 if left < head else left
        items, kinds = [], []
        field.seen.add(left)
        while left:
            count = min(left - head, int(self.rng.expovariate(0.05)))
            # What is left must have room for another, or be nothing.
            count = left - head if left - head - count < head or self.rng.random() < 0.1 else count
            left -= head + count
            dice = self.rng.random()
            if items and dice < 0.05:
                tag = items[-1][0]
                kinds.append("tags that come again")
            elif dice < 0.8:
                tag = self.fresh(list(inside["pieces"]), [tag for tag, _ in items])
            else:
                tag = self.pools.take("an", inside["tag_chars"])
            piece = inside["pieces"].get(tag)
            kinds.append("known tags" if piece else "unknown tags")
            cls, starless = (piece["class"], piece["secret"] != "open") if piece else ("text", True)
            value = self.text(cls, "ascii", count, starless).encode()
            items.append((tag, value))
        names = [tag for tag, _ in items]
        if any(tag in names[: at - 1] and names[at - 1] != tag for at, tag in enumerate(names) if at):
            kinds.append("tags that come again, others between")
        digits = inside["length_digits"]
        return b"".join(b"%s%0*d%s" % (tag.encode(), digits, len(value), value) for tag, value in items), kinds

    def fresh(self, tags, used):
        """A tag that is not there yet; seldom any, which may put values of a tag apart."""
        left = [tag for tag in tags if tag not in used] if self.rng.random() < 0.98 else tags
        return self.rng.choice(left or tags)

    def ber(self, field):
        kinds = []
        data = self.ber_list(field.inside, field.max, 0, kinds)
        if self.rng.random() < 0.05:
            data = b""
        elif self.rng.random() < 0.05:
            # Filled up to the last byte, by a tag or by nulls, which JSON does not tell.
            left = field.max - len(data)
            if 3 <= left < 128:
                data += b"\xdf\x01" + bytes([left - 3]) + self.rng.randbytes(left - 3)
                kinds.append("unknown tags of the chip")
            else:
                data += bytes(left)
                kinds.append("bytes that JSON does not tell" if left else "BER")
        return data, kinds

    def ber_list(self, inside, room, depth, kinds):
        data, used = b"", []
        for _ in range(self.rng.randint(0 if depth == 0 else 1, 8 >> depth)):
            dice = self.rng.random()
            if dice < 0.75:
                tag = self.fresh(list(inside["pieces"]), used)
                piece = inside["pieces"][tag]
                value = self.chip(piece)
                kinds.append("tags of the chip" if "-f" not in piece["coding"] else "chip digits filled with F on the right")
            elif dice < 0.9 or depth > 1:
                tag = self.fresh(["C1", "DF20", "9F7F", "DF8101", "DFFF7F", "5F57"], used)
                value = self.rng.randbytes(int(self.rng.expovariate(0.1)))
                kinds.append("unknown tags of the chip")
            else:
                tag = self.fresh(["70", "E1", "BF0C", "FF8105"], used)
                value = self.ber_list(inside, 100, depth + 1, kinds)
                kinds.append("tags inside tags of the chip")
            length = len(value).to_bytes(1, "big")
            if len(value) > 127:
                length = b"\x81" + length
            elif depth == 0 and self.rng.random() < 0.01:
                # Longer than it need be: read, but not written like that.
                length = b"\x82\x00" + length
                kinds.append("bytes that JSON does not tell")
            item = bytes.fromhex(tag) + length + value
            if len(data) + len(item) > room or len(value) > 255:
                continue
            data += item
            if tag in used:
                kinds.append("tags that come again" if tag == used[-1] else "tags that come again, others between")
            used.append(tag)
        return data

    def chip(self, piece):
        low, high = piece["length"]["min"], min(piece["length"]["max"], 60)
        count = self.rng.randint(low, high)
        coding = piece["coding"]
        if coding == "ascii":
            return self.text(piece["class"], coding, count, piece["secret"] != "open").encode()
        if coding == "binary":
            return self.rng.randbytes(count)
        text = self.text(piece["class"], coding, count)
        if coding == "bcd-right-f":
            # A last nibble F would be taken for the filling.
            text = text.rstrip("?")
            return bytes.fromhex((text + "?" * (len(text) % 2)).translate(TO_NIBBLES))
        # Nothing tells the number of digits but the bytes, so it is even, unless it is the greatest.
        count = count + count % 2 if count + count % 2 <= high else count
        text = self.pools.take(piece["class"], count)
        return bytes.fromhex(("0" * (count % 2) + text).translate(TO_NIBBLES))


class Dialect:
    def __init__(self, switch, name, seed):
        self.switch, self.name = switch, name
        self.rng = random.Random(f"{seed} {name}")
        table = json.loads(self.call("describe", "--fields", "--json", "--dialect", name))
        self.fields = {int(n): Field(int(n), told, self.rng) for n, told in table["fields"].items()}
        if sorted(self.fields) != list(range(2, 129)):
            stop(f"{name}: fields 2 to 128 wanted in its table")
        bitmap = table["bitmap"]
        if bitmap["bytes"] != 16 or bitmap["fixed"] or bitmap["coding"] not in ("hex", "binary"):
            stop(f"{name}: its bitmap has no words here")
        self.hex_bitmap = bitmap["coding"] == "hex"
        self.hex_type = table["mti"] == "ascii"
        flat = {"len_enc": "ascii", "len_type": 0, "len_count": "bytes"}
        word = {**flat, "data_enc": "ascii", "max_len": 16} if self.hex_bitmap else {**flat, "data_enc": "b", "max_len": 8}
        mti = {**flat, "data_enc": "ascii", "max_len": 4} if self.hex_type else {**flat, "data_enc": "b", "max_len": 2}
        self.spec = {"h": {**flat, "data_enc": "b", "max_len": 0}, "t": mti, "p": word, "1": word}
        self.spec.update({str(n): field.entry for n, field in self.fields.items()})
        # Broken bitmaps may have bit 65: what a third one announces is nothing to pyiso8583 then, and no KeyError.
        self.spec.update({str(n): {**flat, "data_enc": "b", "max_len": 0} for n in range(129, 193)})
        self.maker, self.reader = Maker(self.rng), Reader()
        self.counts, self.kinds, self.broken = Counter(), Counter(), Counter()
        self.seconds = Counter()
        self.failures = 0

    def call(self, *words, text="", may_refuse=False):
        begun = time.monotonic()
        done = subprocess.run([self.switch, *words], input=text, capture_output=True, encoding="utf-8")
        if hasattr(self, "seconds"):
            self.seconds[words[0]] += time.monotonic() - begun
        if done.returncode not in ((0, 1) if may_refuse else (0,)):
            stop(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def fail(self, what, data):
        self.failures += 1
        if self.failures <= 5:
            print(f"FAIL  {self.name}: {what}\n      {bytes(data).hex().upper()}")

    def make(self):
        """A message: values as pyiso8583 has them, as `encode` gets them, as they must be told; and its bytes."""
        rng = self.rng
        last = 64 if rng.random() < 0.45 else 128
        dice = rng.random()
        names = range(2, last + 1)
        if dice < 0.9:
            # Half of the messages are small, as real ones are.
            count = rng.randint(1, 20) if dice < 0.5 else rng.randint(1, len(names))
            names = sorted(rng.sample(names, count))
        names = list(names)
        # Bit 65 announces a third bitmap to pyiso8583, and a field of 8 bytes to us: its bit and bytes are put in by hand
        # into what pyiso8583 wrote with a second bitmap.
        by_hand = 65 in names and names[-1] > 65 and rng.random() < 0.3
        if 65 in names:
            names.remove(65)
        values, given, kinds, tells_all = {"t": f"{rng.randrange(10000):04}"}, {}, [], True
        for n in names:
            values[str(n)], special, like = self.maker.value(self.fields[n])
            kinds += like
            tells_all = tells_all and "bytes that JSON does not tell" not in like
            if special is not None:
                given[str(n)] = special
        data, parts = iso8583.encode(dict(values), self.spec)
        data, place = bytes(data), None
        told = {}
        for n in names:
            told[str(n)] = self.reader.value(self.fields[n], values[str(n)], parts[str(n)]["data"])
        if by_hand:
            field = self.fields[65]
            text, like = self.maker.plain(field)
            kinds += like + ["field 65, put in by hand"]
            extra = bytes.fromhex(text) if field.coding == "binary" else text.encode()
            behind = sum(len(part["len"]) + len(part["data"]) for n, part in parts.items() if n.isdigit() and int(n) > 65)
            place = behind, len(extra)
            data = self.with_bit_65(data[:-behind]) + extra + data[-behind:]
            told["65"] = text
        self.kinds.update(kinds)
        self.counts["messages with a second bitmap" if "1" in parts else "messages with one bitmap"] += 1
        return Made(values, told, {**told, **given}, data, place, tells_all)

    def with_bit_65(self, data, sets=True):
        """The bytes with bit 65, or without it: the first of the second bitmap."""
        data = bytearray(data)
        if self.hex_bitmap:
            at = (4 if self.hex_type else 2) + 16
            bits = int(chr(data[at]), 16)
            data[at] = ord(f"{bits | 8 if sets else bits & 7:X}")
        else:
            at = (4 if self.hex_type else 2) + 8
            data[at] = data[at] | 0x80 if sets else data[at] & 0x7F
        return bytes(data)

    def describe(self, batch, **more):
        lines = "".join(data.hex() + "\n" for data in batch)
        words = "describe", "--lines", "--json", "--show-secrets", "--dialect", self.name, "-"
        told = [json.loads(line) for line in self.call(*words, text=lines, **more).splitlines()]
        if len(told) != len(batch):
            stop(f"{self.name}: {len(batch)} lines wanted of describe, {len(told)} found")
        return told

    def encode(self, batch):
        lines = "".join(json.dumps({"mti": m.values["t"], "fields": m.given}) + "\n" for m in batch)
        words = "encode", "--lines", "--dialect", self.name, "-"
        made = self.call(*words, text=lines, may_refuse=True).split("\n")[:-1]
        if len(made) != len(batch):
            stop(f"{self.name}: {len(batch)} lines wanted of encode, {len(made)} found")
        return [bytes.fromhex(line) for line in made]

    def agree(self, count):
        while count:
            batch = [self.make() for _ in range(min(count, BATCH))]
            count -= len(batch)
            for message, told in zip(batch, self.describe([message.data for message in batch])):
                self.compare("read", message, message.data, told.get("mti"), told.get("fields"))
            written = self.encode(batch)
            for message, data in zip(batch, written):
                if not data:
                    self.fail("encode refuses it", message.data)
                elif not message.tells_all:
                    # JSON keeps no place for nulls and long lengths: read back only.
                    self.counts["written with the same values, in other bytes"] += 1
                elif data == message.data:
                    self.counts["written"] += 1
                else:
                    self.fail(f"encode makes {data.hex().upper()}", message.data)
                if data:
                    self.back(message, data)
            broken = [self.spoil(message.data) for message in batch]
            for data, told in zip(broken, self.describe(broken, may_refuse=True)):
                self.judge(data, told)

    def compare(self, what, message, data, mti, fields):
        if mti != message.values["t"] or fields != message.told:
            fields = fields or {}
            apart = [n for n in {**message.told, **fields} if fields.get(n) != message.told.get(n)]
            self.fail(f"{what} otherwise: fields {apart}", data)
            return
        self.counts[what] += 1
        self.counts[f"fields {what}"] += len(fields)

    def back(self, message, data):
        by_hand = {}
        if message.place:
            behind, size = message.place
            text = data[-behind - size : -behind]
            by_hand["65"] = text.hex().upper() if self.fields[65].coding == "binary" else text.decode()
            data = self.with_bit_65(data[: -behind - size] + data[-behind:], False)
        try:
            values, parts = iso8583.decode(data, self.spec)
            fields = self.fields_of(values, parts)
        except (iso8583.DecodeError, Fault) as error:
            self.fail(f"pyiso8583 cannot read what encode makes: {error}", data)
            return
        self.compare("back", message, data, values["t"], {**fields, **by_hand})

    def fields_of(self, values, parts):
        numbers = [n for n in values if n not in ("h", "t", "p", "1")]
        return {n: self.reader.value(self.fields[int(n)], values[n], parts[n]["data"]) for n in numbers}

    def spoil(self, data):
        rng = self.rng
        data = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            # Half of the damage is near the front, where type, bitmap and most lengths are.
            end = len(data) if rng.random() < 0.5 else min(len(data), 120)
            at = rng.randrange(end)
            how = rng.randrange(9)
            if how == 0:
                data[at] = rng.randrange(256)
            elif how == 1:
                data[at] ^= 1 << rng.randrange(8)
            elif how == 2:
                data[at] = ord(rng.choice("0123456789"))
            elif how == 3:
                data[at] = ord(rng.choice(" +-_=*AFaf\x00\x1c\x7f"))
            elif how == 4:
                del data[at : at + rng.randint(1, 4)]
            elif how == 5:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            elif how == 6:
                del data[at:]
            elif how == 7:
                data += rng.randbytes(rng.randint(1, 4))
            else:
                data[at : at + 2] = data[at : at + 2][::-1]
            if not data:
                data = bytearray(b"0")
        return bytes(data)

    def judge(self, data, told):
        """A broken message: what pyiso8583 and our own look at the contents say of it, against what clubswitch says."""
        path = told["error"]["path"].split(".")[0] if "error" in told else None
        refused = None
        try:
            values, parts = iso8583.decode(data, self.spec)
        except iso8583.DecodeError as error:
            refused, values = error, error.doc_dec
        if self.has_65(values):
            # What follows is a field to one and a bitmap to the other.
            self.broken["bit 65, which means something else to pyiso8583"] += 1
            return
        if refused:
            if path is None:
                self.fail(f"read, where pyiso8583 refuses: {refused}", data)
                return
            theirs = {"t": 0, "p": 1}.get(refused.field) if refused.field in "tp" else int(refused.field)
            if int(path) > theirs:
                self.fail(f"refused at field {path}, by pyiso8583 at {theirs} already: {refused}", data)
            same = int(path) == theirs
            self.broken["refused by both, at the same field" if same else "refused by both, by content before"] += 1
            return
        fault, why = self.first_fault(values, parts)
        if fault is not None or path is not None:
            if fault is None or path is None or int(path) != fault:
                self.fail(f"field {fault} is at fault ({why}), clubswitch says field {path}", data)
            self.broken[f"refused by clubswitch alone: {why}"] += 1
            return
        if told["mti"] != values["t"] or told["fields"] != self.fields_of(values, parts):
            self.fail("read otherwise by both", data)
        self.broken["read by both, and the same"] += 1

    def has_65(self, values):
        # A third bitmap is put behind the second, be it one or not.
        return values.get("1", "")[:1] in tuple("89ABCDEFabcdef")

    def first_fault(self, values, parts):
        """Where pyiso8583 takes what the dialect does not: the first field of it, and why."""
        if not values["t"].isdigit():
            return 0, "message type"
        for word in ("p", "1"):
            # bytes.fromhex passes over blanks.
            if word in values and not re.fullmatch("[0-9A-Fa-f]{16}", values[word]):
                return 1, "blanks in the bitmap"
        for n in (n for n in values if n.isdigit() and n != "1"):
            field = self.fields[int(n)]
            told = parts[n]["len"]
            if told and field.entry["len_enc"] == "ascii" and not told.isdigit():
                # int() takes blanks, signs and underscores.
                return int(n), "a length that is no digits"
            try:
                self.reader.value(field, values[n], parts[n]["data"])
            except Fault:
                return int(n), "what is inside" if field.inside else "class of content"
        return None, "nothing"

    def report(self):
        print(f"{self.name}:")
        for title, counter in (("", self.counts), ("values: ", self.kinds), ("broken: ", self.broken)):
            for what, count in sorted(counter.items(), key=lambda row: -row[1]):
                print(f"  {count:>9}  {title}{what}")
        variable = [field for field in self.fields.values() if not field.fixed and not field.inside]
        whole = sum(len(field.seen) == len(field.lengths) for field in variable)
        print(f"  {whole:>9}  of {len(variable)} variable fields at each of their lengths")
        for field in variable:
            if not {field.min, field.max} <= field.seen:
                self.failures += 1
                print(f"FAIL  {self.name}: field {field.n} never had its least or greatest length")
        wanted = {kind for field in self.fields.values() for kind in field.kinds}
        wanted |= {"empty", "of greatest length", "field 65, put in by hand", "parts given as pieces"}
        wanted |= {"known tags", "unknown tags", "tags that come again", "tags of the chip", "unknown tags of the chip"}
        wanted |= {"tags inside tags of the chip", "chip digits filled with F on the right"}
        if "digits in BCD" in wanted:
            wanted.add("odd digits in BCD")
        ways = {"read", "written", "back", "messages with one bitmap", "messages with a second bitmap"}
        ends = {"refused by both, at the same field", "refused by both, by content before", "read by both, and the same"}
        ends |= {f"refused by clubswitch alone: {why}" for why in ("class of content", "what is inside")}
        for names, counter in ((wanted, self.kinds), (ways, self.counts), (ends, self.broken)):
            for name in sorted(names):
                if not counter[name]:
                    self.failures += 1
                    print(f"FAIL  {self.name}: nothing was compared of: {name}")


class Made:
    """A message. `place`: bytes behind field 65 and of it, where it was put in; `tells_all`: JSON tells all of its bytes."""

    def __init__(self, values, told, given, data, place, tells_all):
        self.values, self.told, self.given, self.data = values, told, given, data
        self.place, self.tells_all = place, tells_all


def main(switch, names):
    count = int(os.environ.get("MESSAGES", 2000))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{count} messages of each dialect, SEED={seed}")
    failures = 0
    for name in names:
        begun = time.monotonic()
        dialect = Dialect(switch, name, seed)
        dialect.agree(count)
        dialect.report()
        times = ", ".join(f"{seconds:.1f} s in {command}" for command, seconds in dialect.seconds.items())
        print(f"  {time.monotonic() - begun:.1f} s, of them {times}")
        print(f"{'FAIL' if dialect.failures else 'PASS'}  {name} agrees with pyiso8583: {dialect.failures} differences")
        failures += dialect.failures
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
