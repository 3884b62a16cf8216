//! Every key of the rule language: what it means, and whether this version knows how to obey it.

use crate::source::Shape;

/// A file in `world/`.
pub(super) const WORLD: Shape = Shape {
    what: "a world file",
    keys: &[
        ("format", "the version of the language, 1"),
        ("operator", "who runs the switch"),
        ("calendar", "time zone, cut-over, weekend, holidays"),
        ("season", "named spans of days"),
        ("merchant", "the shops, by acceptor number"),
        (
            "merchant_group",
            "groups of shops, by list or by category code",
        ),
        ("person", "marketers who get a share of money"),
    ],
    later: &["organisation", "member_group", "terminal_group"],
};

/// `[operator]`.
pub(super) const OPERATOR: Shape = Shape {
    what: "the operator",
    keys: &[
        ("title", "the name for people"),
        ("alias", "3 to 5 capital letters for file names"),
        ("iban", "where fees go"),
    ],
    later: &[],
};

/// `[calendar]`.
pub(super) const CALENDAR: Shape = Shape {
    what: "the calendar",
    keys: &[
        ("time_zone", "a name of the tz database"),
        (
            "cut_over",
            "the time of day at which the business date turns",
        ),
        ("weekend", "the banks' days off, such as [\"thu\", \"fri\"]"),
        ("holidays", "days that are no business days: { date, name }"),
    ],
    later: &["week_start"],
};

/// A member of `holidays`.
pub(super) const HOLIDAY: Shape = Shape {
    what: "a holiday",
    keys: &[("date", "the day"), ("name", "for people")],
    later: &[],
};

/// `[season.NAME]`, and `dates` of a condition.
pub(super) const SPAN: Shape = Shape {
    what: "a span of days",
    keys: &[("from", "the first day"), ("to", "the last day, included")],
    later: &[],
};

/// `[merchant.NUMBER]`.
pub(super) const MERCHANT: Shape = Shape {
    what: "a merchant",
    keys: &[
        ("title", "the name for people"),
        ("iban", "where its money goes"),
        ("mcc", "its category code, four digits in quotes"),
        ("marketer", "the person who brought this shop in"),
    ],
    later: &["joined"],
};

/// `[merchant_group.NAME]`.
pub(super) const MERCHANT_GROUP: Shape = Shape {
    what: "a merchant group",
    keys: &[
        ("merchants", "acceptor numbers"),
        (
            "mcc",
            "category codes; shops of the list and of the codes both belong to it",
        ),
    ],
    later: &["merchants_from"],
};

/// `[person.NAME]`, and `owner` of a club.
pub(super) const PERSON: Shape = Shape {
    what: "a person",
    keys: &[
        ("title", "the name for people"),
        ("iban", "where the money goes"),
    ],
    later: &[],
};

/// A file in `clubs/`.
pub(super) const CLUB_FILE: Shape = Shape {
    what: "a club file",
    keys: &[
        ("format", "the version of the language, 1"),
        ("club", "who the club is"),
        ("purse", "what members collect"),
        ("tiers", "the steps of membership"),
        ("condition", "named conditions for `use`"),
        ("stack", "how the rules of a stage stand together"),
        ("discount", "money off the bill"),
        ("redeem", "how purses pay"),
        ("accrue", "what a purchase earns"),
        ("split", "who gets which part of the money"),
        ("fee", "what the operator takes"),
    ],
    later: &["convert", "grant", "load", "voucher", "guest", "receipt"],
};

/// `[club]`.
pub(super) const CLUB: Shape = Shape {
    what: "a club",
    keys: &[
        ("id", "its name in files and messages"),
        ("alias", "3 to 5 capital letters for file names"),
        ("title", "the name for people"),
        ("owner", "{ title, iban } of who owns it"),
        ("merchants", "the merchant groups where it works"),
        (
            "identify_by",
            "by what a member may be named: card, mobile, national-id, club-number",
        ),
        ("enrol", "how somebody becomes a member"),
    ],
    later: &[
        "cards_per_member",
        "parent",
        "sub_of",
        "on_engine_failure",
        "approve",
    ],
};

/// `enrol` of a club.
pub(super) const ENROL: Shape = Shape {
    what: "the way to enrol",
    keys: &[
        ("at_pos", "whether a terminal may enrol a member"),
        (
            "on_first_purchase",
            "whether a purchase with an unknown card enrols its holder",
        ),
    ],
    later: &["at_panel"],
};

/// `[purse.NAME]`.
pub(super) const PURSE: Shape = Shape {
    what: "a purse",
    keys: &[
        ("kind", "points, club-credit or merchant-credit"),
        ("unit", "what one of it is called; rial for money"),
        ("decimals", "decimals kept of one point, 0 to 4"),
        ("value", "{ rial, per_points }: what points are worth"),
        (
            "available",
            "when what was earned can be spent: now, next-day, \"24 hours\", \"3 days\"",
        ),
        ("expiry", "how long it lives"),
        (
            "spend_at",
            "the merchant groups where it can be spent, or same-merchant",
        ),
        ("consume", "which lot goes first: soonest-expiry"),
        (
            "negative",
            "what happens when spent points are taken back: forbid, recover or allow",
        ),
        ("owed_by", "whose debt the balance is: club or merchant"),
    ],
    later: &[
        "warn_before_expiry",
        "redeemable",
        "restore_grace",
        "round_rial",
    ],
};

/// `value` of a purse.
pub(super) const VALUE: Shape = Shape {
    what: "the value of points",
    keys: &[
        ("rial", "so many rials"),
        ("per_points", "for so many points"),
    ],
    later: &[],
};

/// `expiry` of a purse.
pub(super) const EXPIRY: Shape = Shape {
    what: "an expiry",
    keys: &[
        (
            "after",
            "\"180 days\" or \"12 jalali-months\" from the day of earning",
        ),
        ("on", "one day for everything earned"),
        ("round_up_to", "end-of-jalali-month or end-of-jalali-year"),
    ],
    later: &[],
};

/// `[tiers]`.
pub(super) const TIERS: Shape = Shape {
    what: "the tiers",
    keys: &[("level", "the steps, lowest first")],
    later: &["measure", "review", "downgrade"],
};

/// A member of `level`.
pub(super) const LEVEL: Shape = Shape {
    what: "a tier",
    keys: &[
        ("name", "its name"),
        ("by_hand", "true: given by hand"),
        (
            "earn_times",
            "multiplies what `tiered` rules earn, such as \"1.2\"",
        ),
    ],
    later: &["from_rial", "from_points", "from_visits"],
};

/// `[stack]`.
pub(super) const STACK: Shape = Shape {
    what: "the stacking",
    keys: &[
        ("discount", "{ mode } of the discounts"),
        ("accrue", "{ mode } of the accruals"),
    ],
    later: &[],
};

/// `[stack.discount]`.
pub(super) const STACK_MODE: Shape = Shape {
    what: "a stacking",
    keys: &[("mode", "all, first or best-for-member")],
    later: &["exclusive", "at_most"],
};

/// `when` of a rule, and `[condition.NAME]`.
pub(super) const WHEN: Shape = Shape {
    what: "a condition",
    keys: &[
        ("use", "the name of a condition that must hold too"),
        ("amount_rial", "{ min, max } of the purchase"),
        ("tx_types", "kinds of transaction, such as purchase"),
        ("merchants", "acceptor numbers"),
        ("merchant_groups", "groups of the world file"),
        ("mcc", "category codes"),
        ("dates", "{ from, to }, both included"),
        ("season", "a season of the world file"),
        ("hours", "spans of the day, such as [\"08:00-12:00\"]"),
        ("weekdays", "days of the week"),
        (
            "business_days",
            "true: neither weekend nor holiday; false: one of them",
        ),
        ("tiers", "tiers of this club"),
        (
            "first_purchase",
            "true: he has bought nothing in this club before; false: something",
        ),
        (
            "last_purchase",
            "{ older_than or within, where }: how long ago he bought last",
        ),
        (
            "joined",
            "{ older_than or within }: how long ago he became a member",
        ),
        (
            "visits",
            "{ in, min, max, every, where }: which of his purchases this one is",
        ),
        ("any", "a list of conditions, one of which must hold"),
        ("not", "a condition that must not hold"),
    ],
    later: &[
        "channels",
        "entry",
        "terminal_groups",
        "products",
        "not_products",
        "services",
        "card_products",
        "bins",
        "provinces",
        "birthday",
        "anniversary",
        "member_groups",
        "introduced",
        "spent",
        "earned",
        "balance",
        "event",
    ],
};

/// `amount_rial` of a condition.
pub(super) const AMOUNT: Shape = Shape {
    what: "a span of amounts",
    keys: &[
        ("min", "the least, included"),
        ("max", "the most, included"),
    ],
    later: &[],
};

/// `[[discount]]`.
pub(super) const DISCOUNT: Shape = Shape {
    what: "a discount",
    keys: &[
        ("name", "its name, once in its stage"),
        ("title", "for people"),
        ("when", "the conditions, all of which must hold"),
        ("give", "what comes off the bill"),
        ("paid_by", "who bears it, parts of 100%"),
        ("cap", "the most it gives over many purchases"),
        ("on_cap", "trim: what is left of it; skip: nothing"),
    ],
    later: &["carry", "say", "stop", "round_rial"],
};

/// A member of `cap`.
pub(super) const CAP: Shape = Shape {
    what: "a cap",
    keys: &[
        (
            "per",
            "whom it counts for: member, card, merchant, introducer, rule or club",
        ),
        (
            "window",
            "day, week, jalali-month, jalali-year or \"30 days\"",
        ),
        ("max_rial", "the most rials in it"),
        ("max_points", "the most points in it"),
        ("max_times", "how often in it"),
    ],
    later: &[],
};

/// `hold` of an accrual.
pub(super) const HOLD: Shape = Shape {
    what: "a hold",
    keys: &[
        ("until", "the event that releases what was earned"),
        ("at_most", "without it, it lapses after so many days"),
    ],
    later: &[],
};

/// `last_purchase` of a condition.
pub(super) const LAST_PURCHASE: Shape = Shape {
    what: "the last purchase",
    keys: &[
        ("older_than", "not in the last so many days: \"60 days\""),
        ("within", "in the last so many days, today among them"),
        (
            "where",
            "club (all purchases in it), merchant (those at this shop) or a merchant group",
        ),
    ],
    later: &[],
};

/// `joined` of a condition.
pub(super) const JOINED: Shape = Shape {
    what: "the day of joining",
    keys: &[
        ("older_than", "not in the last so many days: \"60 days\""),
        ("within", "in the last so many days, today among them"),
    ],
    later: &[],
};

/// `visits` of a condition.
pub(super) const VISITS: Shape = Shape {
    what: "a count of purchases",
    keys: &[
        (
            "in",
            "counted from when: day, week, jalali-month, jalali-year or \"90 days\"",
        ),
        ("min", "from this one on"),
        ("max", "up to this one"),
        ("every", "10: the 10th, 20th, 30th"),
        (
            "where",
            "club (all purchases in it), merchant (those at this shop) or a merchant group",
        ),
    ],
    later: &[],
};

/// `give` of a discount.
pub(super) const GIVE: Shape = Shape {
    what: "what a discount gives",
    keys: &[
        ("percent", "a share of the bill"),
        ("fixed_rial", "so many rials"),
        ("bands", "shares by the size of the bill"),
        ("bands_apply", "to-each-part or to-whole-amount"),
        ("max_rial", "never more than this"),
    ],
    later: &[],
};

/// A member of `bands`.
pub(super) const BAND: Shape = Shape {
    what: "a band",
    keys: &[
        ("from_rial", "where it begins; the first at 0"),
        ("percent", "the share in it"),
    ],
    later: &["points", "per_rial", "fixed", "fixed_rial"],
};

/// `paid_by` and `funded_by`.
pub(super) const PAYERS: Shape = Shape {
    what: "who pays",
    keys: &[("merchant", "the shop's part"), ("club", "the club's part")],
    later: &["operator", "issuer", "organisation"],
};

/// `[redeem]`.
pub(super) const REDEEM: Shape = Shape {
    what: "the redemption",
    keys: &[
        ("from", "purses in the order of spending"),
        ("how", "on-request or automatic"),
        ("pin", "whether the card's PIN must come with it"),
        ("at_most", "the share of the bill after discount"),
        ("min_rial", "the least to redeem"),
        ("step_rial", "only multiples of this"),
        ("not_mcc", "category codes where nothing can be redeemed"),
        (
            "per_member",
            "{ window = \"day\", max_rial }: the most a member redeems in a day",
        ),
    ],
    later: &["refund", "when", "say"],
};

/// `per_member` of `[redeem]`.
pub(super) const PER_MEMBER: Shape = Shape {
    what: "a member's limit",
    keys: &[("window", "day"), ("max_rial", "the most in it")],
    later: &["max_times"],
};

/// `[[accrue]]`.
pub(super) const ACCRUE: Shape = Shape {
    what: "an accrual",
    keys: &[
        ("name", "its name, once in its stage"),
        ("title", "for people"),
        ("when", "the conditions, all of which must hold"),
        (
            "base",
            "gross, net (after discount) or paid (after redeeming too)",
        ),
        ("earn", "what is earned"),
        ("funded_by", "club or merchant"),
        ("cap", "the most it gives over many purchases"),
        ("on_cap", "trim: what is left of it; skip: nothing"),
        (
            "hold",
            "{ until, at_most }: the event that what is earned waits for",
        ),
    ],
    later: &["say", "stop"],
};

/// `earn` of an accrual.
pub(super) const EARN: Shape = Shape {
    what: "what is earned",
    keys: &[
        ("to", "the purse"),
        ("points", "so many points"),
        ("per_rial", "for so many rials"),
        ("percent", "a share of the base, in rials"),
        ("fixed", "so many points, in quotes"),
        ("fixed_rial", "so many rials"),
        ("bands", "shares by the size of the base"),
        ("bands_apply", "to-each-part or to-whole-amount"),
        ("tiered", "true: times the tier's earn_times"),
    ],
    later: &["chances", "times", "of", "for", "max_rial", "max_points"],
};

/// `[[split]]`.
pub(super) const SPLIT: Shape = Shape {
    what: "a split",
    keys: &[
        ("name", "its name"),
        (
            "when",
            "the conditions, all of which must hold; the first split that fits is taken",
        ),
        ("of", "what percents are taken of: gross, net or paid"),
        ("round", "down"),
        ("part", "the parts, in order"),
        ("min_part_rial", "a smaller part joins the rest"),
        (
            "if_missing",
            "to-rest: the part of somebody who is not known joins the rest",
        ),
    ],
    later: &[],
};

/// A member of `part`.
pub(super) const PART: Shape = Shape {
    what: "a part",
    keys: &[
        ("to", "who gets it"),
        ("percent", "a share"),
        ("fixed_rial", "so many rials"),
        ("rest", "true: what is left, and every odd rial"),
    ],
    later: &["iban", "max_rial", "min_rial"],
};

/// `[fee]`.
pub(super) const FEE: Shape = Shape {
    what: "the fee",
    keys: &[
        ("of", "what the percent is taken of: gross, net or paid"),
        ("percent", "the share"),
        ("min_rial", "never less"),
        ("max_rial", "never more"),
        ("payer", "club or merchant"),
        ("to", "operator"),
        ("on_refund", "give-back"),
    ],
    later: &["fixed_rial", "bands"],
};
