"""An independent client: one day of a terminal, spoken by the package pyiso8583 and not by our own codec.

client.py HOST:PORT. Every field of every answer is compared; no answer may bring a field that is not expected.
The switch runs by the shipped rules at 10:15 of Monday 1405/09/02, when branch 1 gives 5 % off.
"""

import copy
import re
import socket
import sys

import iso8583
from iso8583.specs import default_ascii

# Where the package's default differs from the dialect iso87-ascii: chip data are bytes, not hex characters.
SPEC = copy.deepcopy(default_ascii)
SPEC["55"].update(data_enc="b", len_enc="ascii", len_type=3, max_len=255)

ACQUIRER = "581672031"
CARD = "9999120000001234"
MOBILE = "09120000007"
NATIONAL_CODE = "0499370899"
BORN = "13700101"
SECRETS = [CARD, MOBILE, NATIONAL_CODE, BORN, "041215FEDCBA9876"]
RRN = re.compile(r"\d{12}")
APPROVAL = re.compile(r"[0-9A-Z]{6}")

PLACE = {"32": ACQUIRER, "41": "T0000001", "42": "m-1001".ljust(15)}
DATE, TIME = "1123", "101500"

failures = 0


def check(what, wanted, found):
    """One line: PASS, or FAIL with both sides."""
    global failures
    if isinstance(wanted, re.Pattern):
        good = isinstance(found, str) and wanted.fullmatch(found) is not None
        wanted = wanted.pattern
    else:
        good = wanted == found
    if good:
        print(f"PASS  {what}")
    else:
        failures += 1
        print(f"FAIL  {what}: {wanted!r} wanted, {found!r} found")


class Link:
    """A connection whose messages have two bytes of length before them."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=20)

    def send(self, body):
        self.socket.sendall(len(body).to_bytes(2, "big") + body)

    def receive(self):
        return self.take(int.from_bytes(self.take(2), "big"))

    def take(self, count):
        taken = b""
        while len(taken) < count:
            more = self.socket.recv(count - len(taken))
            if not more:
                raise SystemExit(f"FAIL  {count} bytes wanted, the switch closed after {len(taken)}")
            taken += more
        return taken

    def ask(self, fields):
        """Sends a message; gives the bytes that went and the bytes that came."""
        body, _ = iso8583.encode(dict(fields), SPEC)
        body = bytes(body)
        self.send(body)
        return body, self.receive()


def tags(values):
    """DE48: two characters of tag, three digits of length, value."""
    return "".join(f"{tag}{len(value):03}{value}" for tag, value in values.items())


def tags_of(text):
    values, at = {}, 0
    while at < len(text):
        tag, count = text[at : at + 2], int(text[at + 2 : at + 5])
        values[tag] = text[at + 5 : at + 5 + count]
        at += 5 + count
    return values


def balances_of(text):
    """DE54 as {purse kind: (amount type, currency, sign, amount)}."""
    groups = [text[at : at + 20] for at in range(0, len(text), 20)]
    return {g[:2]: (g[2:4], g[4:7], g[7], int(g[8:])) for g in groups}


def compare(what, answer, mti, wanted, private=None, balances=None):
    """Every field of an answer, and that it brings no other."""
    fields, _ = iso8583.decode(answer, SPEC)
    found = {name: value for name, value in fields.items() if name not in ("h", "p", "1")}
    check(f"{what}: type", mti, found.pop("t"))
    names = set(wanted) | ({"48"} if private else set()) | ({"54"} if balances else set())
    check(f"{what}: fields", sorted(names, key=int), sorted(found, key=int))
    for name, value in wanted.items():
        check(f"{what}: field {name}", value, found.get(name))
    if private:
        tagged = tags_of(found.get("48", ""))
        check(f"{what}: tags", sorted(private), sorted(tagged))
        for tag, value in private.items():
            check(f"{what}: tag {tag}", value, tagged.get(tag))
    if balances:
        check(f"{what}: balances", balances, balances_of(found.get("54", "")))
    text = answer.decode("latin-1")
    check(f"{what}: tells nothing of card or person", [], [s for s in SECRETS if s in text])
    return found


def message(mti, stan, processing, **more):
    fields = {"t": mti, "3": processing, "7": DATE + "064500", "11": stan, "12": TIME, "13": DATE, **PLACE}
    fields.update({name.removeprefix("de"): value for name, value in more.items()})
    return fields


def echoed(fields, *but):
    names = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49")
    return {name: fields[name] for name in names if name in fields and name not in but}


def original(fields):
    """DE90: type, trace number, transmission time, acquirer, forwarder."""
    return fields["t"] + fields["11"] + fields["7"] + fields["32"].zfill(11) + "0" * 11


def network(link, what, stan, code):
    fields = {"t": "0800", "7": DATE + "064500", "11": stan, "70": code}
    _, answer = link.ask(fields)
    compare(what, answer, "0810", {"7": fields["7"], "11": stan, "39": "00", "70": code})


def balance(link, what, stan, points, credit):
    fields = message("0100", stan, "310000", de2=CARD)
    _, answer = link.ask(fields)
    told = {
        "91": ("02", "999", "C", points),
        "92": ("02", "364", "C", credit),
        "93": ("02", "364", "C", 0),
    }
    wanted = {**echoed(fields), "39": "00", "37": RRN}
    compare(what, answer, "0110", wanted, private={"10": "1"}, balances=told)


def main(address):
    link = Link(address)

    early = message("0200", "000001", "000000", de2=CARD, de4="000010000000", de49="364")
    _, answer = link.ask(early)
    compare("before sign-on", answer, "0210", {**echoed(early), "39": "91", "44": "Not signed on"})

    network(link, "sign-on", "000002", "001")
    network(link, "echo", "000003", "301")

    stranger = message("0100", "000004", "310000", de2=CARD)
    _, answer = link.ask(stranger)
    wanted = {**echoed(stranger), "37": RRN, "39": "14", "44": "Card or member not known"}
    compare("balance of nobody", answer, "0110", wanted)

    person = tags({"12": MOBILE, "13": NATIONAL_CODE, "14": BORN})
    enrol = message("0600", "000005", "910000", de2=CARD, de48=person)
    _, answer = link.ask(enrol)
    wanted = {**echoed(enrol), "37": RRN, "38": APPROVAL, "39": "00"}
    compare("enrol", answer, "0610", wanted, private={"10": "1"})
    balance(link, "balance after enrolment", "000006", 0, 0)

    # 10,000,000: 5 % at most 300,000; a point for each 10,000 paid; 1 % of the first 5,000,000 and 1.5 % of the rest.
    buy = message(
        "0200", "000007", "000000",
        de2=CARD, de4="000010000000", de18="5411", de22="051", de49="364",
        de52="041215FEDCBA9876", de55="9F02060000100000009F3602002A",
    )
    sent, told = link.ask(buy)
    wanted = {**echoed(buy), "4": "000009700000", "37": RRN, "38": APPROVAL, "39": "00"}
    private = {
        "10": "1",
        "70": "morning-5,base,saving",
        "72": "9700000",
        "73": "points=970.00;club-credit=120500",
        "74": "300000",
        "75": "30000",
        "79": "merchant-marketer=15000;club-owner=60000;holder-saving=120500;merchant=9624500",
        "90": "Discount 300,000\nCard pays 9,700,000\n+970.00 points\n+120,500 club credit",
    }
    # Points and shop credit can be spent from the next day on, club credit at once.
    spendable = {
        "91": ("02", "999", "C", 0),
        "92": ("02", "364", "C", 120_500),
        "93": ("02", "364", "C", 0),
    }
    bought = compare("purchase", told, "0210", wanted, private, spendable)

    link.send(sent)
    check("same purchase again: same bytes", told, link.receive())
    _, answer = link.ask({**buy, "t": "0201"})
    check("repeat 0201: same bytes", told, answer)
    other = {**buy, "4": "000010000001"}
    _, answer = link.ask(other)
    wanted = {**echoed(other), "39": "94", "44": "Number used before"}
    compare("same number, other amount", answer, "0210", wanted)
    balance(link, "balance after purchase", "000008", 0, 120_500)

    # 1,000,000: 50,000 off, 100,000 of club credit, 850,000 by card.
    redeem = message(
        "0200", "000009", "000000",
        de2=CARD, de4="000001000000", de37="260011000009", de48=tags({"21": "100000"}), de49="364",
    )
    _, answer = link.ask(redeem)
    wanted = {**echoed(redeem), "4": "000000850000", "38": APPROVAL, "39": "00"}
    private = {
        "10": "1",
        "70": "morning-5,base,saving",
        "72": "850000",
        "73": "points=85.00;club-credit=8500",
        "74": "50000",
        "75": "3000",
        "79": "merchant-marketer=1500;club-owner=6000;holder-saving=8500;merchant=954000",
        "80": "club-credit=100000",
        "90": "Discount 50,000\nUsed 100,000\nCard pays 850,000\n+85.00 points\n+8,500 club credit",
    }
    spendable = {**spendable, "92": ("02", "364", "C", 29_000)}
    redeemed = compare("purchase with redemption", answer, "0210", wanted, private, spendable)
    check("approval codes differ", True, bought.get("38") != redeemed.get("38"))
    balance(link, "balance after redemption", "000010", 0, 29_000)

    undo = message(
        "0400", "000011", "000000",
        de2=CARD, de4=redeem["4"], de49="364", de90=original(redeem),
    )
    sent, told = link.ask(undo)
    wanted = {**echoed(undo), "37": RRN, "38": APPROVAL, "39": "00"}
    compare("reversal 0400", told, "0410", wanted)
    link.send(sent)
    check("same reversal again: same bytes", told, link.receive())
    balance(link, "balance after 0400", "000012", 0, 120_500)

    advise = message(
        "0420", "000013", "000000",
        de2=CARD, de4=buy["4"], de49="364", de90=original(buy),
    )
    _, told = link.ask(advise)
    wanted = {**echoed(advise), "37": RRN, "38": APPROVAL, "39": "00"}
    compare("reversal 0420", told, "0430", wanted)
    _, answer = link.ask({**advise, "t": "0421"})
    check("repeat 0421: same bytes", told, answer)
    balance(link, "balance after 0420", "000014", 0, 0)

    late = {**buy, "11": "000016"}
    unknown = message(
        "0400", "000015", "000000",
        de2=CARD, de4=late["4"], de49="364", de90=original(late),
    )
    _, answer = link.ask(unknown)
    wanted = {**echoed(unknown), "37": RRN, "39": "25", "44": "Original not found"}
    compare("reversal of nothing", answer, "0410", wanted)

    _, answer = link.ask(late)
    wanted = {**echoed(late), "37": RRN, "39": "12", "44": "Transaction not known"}
    compare("original after its reversal", answer, "0210", wanted)
    balance(link, "balance at the end", "000017", 0, 0)

    network(link, "sign-off", "000018", "002")
    after = message("0100", "000019", "310000", de2=CARD)
    _, answer = link.ask(after)
    compare("after sign-off", answer, "0110", {**echoed(after), "39": "91", "44": "Not signed on"})
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
