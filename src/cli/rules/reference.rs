//! `rules reference`: the table of keys as a page to read, English or Persian.

use crate::cli::Failure;
use crate::cli::lang::Lang;
use crate::rulefile::keys;
use crate::source::{Form, Need, Shape};
use crate::terms::time::Weekday;
use crate::words::Language;

/// Print a page in Markdown of all keys: what each takes, whether it must stand there, what it is for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules reference > REFERENCE.md
  clubswitch rules reference --lang fa

Exit status: 0 well, 2 a fault in the command.")]
pub(super) struct Args {
    #[command(flatten)]
    lang: Lang,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    anstream::print!("{}", page(Page(args.lang.language())));
    Ok(())
}

/// The words of the page in one language or the other.
#[derive(Clone, Copy)]
struct Page(Language);

impl Page {
    fn say(self, english: &'static str, persian: &'static str) -> &'static str {
        match self.0 {
            Language::English => english,
            Language::Persian => persian,
        }
    }
}

fn page(page: Page) -> String {
    let mut out = String::new();
    let persian = page.0 == Language::Persian;
    if persian {
        out.push_str("<div dir=\"rtl\">\n\n");
    }
    out.push_str(page.say(
        "# Keys of the rule files\n\nMade by `clubswitch rules reference` from the table that the reader goes by. Money is whole \
         rials, percents stand in quotes, days in quotes are Jalali. A key that is not here is refused.\n",
        "# کلیدهای پرونده‌های قاعده\n\nاین صفحه را `clubswitch rules reference --lang fa` از همان جدولی می‌سازد که خواننده با آن کار \
         می‌کند. پول به ریال کامل است، درصد درون گیومه می‌آید و تاریخ درون گیومه جلالی است. کلیدی که اینجا نیست پذیرفته نمی‌شود.\n",
    ));
    for (shape, place) in places() {
        let title = page.say(shape.what, shape.fa);
        out.push_str(&format!("\n## {title}\n\n"));
        out.push_str(&match &place {
            Place::Files(folder) => match persian {
                true => format!("پرونده‌های پوشهٔ `{folder}/`.\n\n"),
                false => format!("A file in `{folder}/`.\n\n"),
            },
            Place::Key(path) => format!("`{path}`\n\n"),
        });
        out.push_str(page.say(
            "| key | takes | | what for |\n|---|---|---|---|\n",
            "| کلید | مقدار | | برای چه |\n|---|---|---|---|\n",
        ));
        for key in shape.keys {
            let (name, takes, need) = (key.name, takes(&key.form, page), need(key.need, page));
            let what_for = page.say(key.en, key.fa).replace('|', "\\|");
            out.push_str(&format!("| `{name}` | {takes} | {need} | {what_for} |\n"));
        }
        if !shape.later.is_empty() {
            let later: Vec<String> = shape.later.iter().map(|name| format!("`{name}`")).collect();
            let words = page.say("Not built in this version:", "در این نسخه ساخته نشده:");
            out.push_str(&format!("\n{words} {}\n", later.join(page.say(", ", "، "))));
        }
    }
    if persian {
        out.push_str("\n</div>\n");
    }
    out
}

/// Where a table stands.
enum Place {
    /// It is a file of a folder.
    Files(&'static str),
    /// Under these keys.
    Key(String),
}

/// Every table with the first place where it stands.
fn places() -> Vec<(&'static Shape, Place)> {
    fn within(
        form: &'static Form,
        path: &str,
        listed: bool,
        found: &mut Vec<(&'static Shape, Place)>,
    ) {
        let (shape, path) = match form {
            Form::Table(shape) => (
                shape,
                if listed {
                    format!("[[{path}]]")
                } else {
                    path.to_owned()
                },
            ),
            Form::Entries(_, shape) => (shape, format!("{path}.NAME")),
            Form::List(member) | Form::ListOrNone(member) => {
                return within(member, path, true, found);
            }
            Form::Either(forms) => {
                return forms
                    .iter()
                    .for_each(|form| within(form, path, listed, found));
            }
            _ => return,
        };
        visit(shape, Place::Key(path), found);
    }
    fn visit(shape: &'static Shape, place: Place, found: &mut Vec<(&'static Shape, Place)>) {
        if found.iter().any(|(known, _)| std::ptr::eq(*known, shape)) {
            return;
        }
        let above = match &place {
            Place::Files(_) => String::new(),
            Place::Key(path) => format!("{}.", path.trim_start_matches('[').trim_end_matches(']')),
        };
        found.push((shape, place));
        for key in shape.keys {
            within(&key.form, &format!("{above}{}", key.name), false, found);
        }
    }
    let mut found = Vec::new();
    for (folder, shape) in keys::FILES {
        visit(shape, Place::Files(folder), &mut found);
    }
    found
}

fn need(need: Need, page: Page) -> String {
    let beside = |others: &[&str]| {
        let others: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
        others.join(page.say(" or ", " یا "))
    };
    match need {
        Need::Must => page.say("must", "باید بیاید").to_owned(),
        Need::May => String::new(),
        Need::One => page.say("one of these", "یکی از اینها").to_owned(),
        Need::Some => page
            .say("one of these or more", "یکی از اینها یا بیشتر")
            .to_owned(),
        Need::With(others) => format!(
            "{} {}",
            page.say("always with", "همیشه همراه"),
            beside(others)
        ),
        Need::Beside(others) => format!("{} {}", page.say("beside", "همراه"), beside(others)),
    }
}

/// What a key takes, in a few words and with a sample.
fn takes(form: &Form, page: Page) -> String {
    let names = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
        names.join(page.say(", ", "، "))
    };
    let words = match form {
        Form::Any => page.say("anything", "هر چیز"),
        Form::Text | Form::Title => page.say("text", "متن"),
        Form::Name => page.say("a name: a-z, 0-9, -", "نام: a-z، 0-9، -"),
        Form::Acceptor => page.say("an acceptor number", "شمارهٔ پذیرنده"),
        Form::Alias => page.say("`\"ABC\"`", "`\"ABC\"`"),
        Form::Iban => page.say("an IBAN", "شبا"),
        Form::Mcc => page.say("`\"5411\"`", "`\"5411\"`"),
        Form::Bin => page.say(
            "six to eight digits: `\"999912\"`",
            "شش تا هشت رقم: `\"999912\"`",
        ),
        Form::Code => page.say("a code without blanks", "کدی بی فاصله"),
        Form::Line => page.say("a line of at most 40 signs", "یک خط، حداکثر ۴۰ نویسه"),
        Form::ListFile => page.say("`\"lists/staff.csv\"`", "`\"lists/staff.csv\"`"),
        Form::TimeZone => page.say("`\"Asia/Tehran\"`", "`\"Asia/Tehran\"`"),
        Form::Format => "`1`",
        Form::Boolean => page.say("`true` or `false`", "`true` یا `false`"),
        Form::Rials => page.say("whole rials, from 0", "ریال کامل، از ۰"),
        Form::PositiveRials => page.say("whole rials, above 0", "ریال کامل، بیش از ۰"),
        Form::Points => page.say("points: `100` or `\"0.5\"`", "امتیاز: `100` یا `\"0.5\"`"),
        Form::Percent => page.say("a percent: `\"2.5%\"`", "درصد: `\"2.5%\"`"),
        Form::Times => page.say("a multiplier: `\"1.2\"`", "ضریب: `\"1.2\"`"),
        Form::Day => page.say(
            "a day: `\"1405/09/01\"` or `2026-11-22`",
            "روز: `\"1405/09/01\"` یا `2026-11-22`",
        ),
        Form::TimeOfDay => page.say("a time of day: `\"23:59:30\"`", "ساعت: `\"23:59:30\"`"),
        Form::Hours => page.say("hours: `\"08:00-12:00\"`", "بازهٔ ساعت: `\"08:00-12:00\"`"),
        Form::Weekday => return names(&Weekday::NAMES),
        Form::Ref(kind) => {
            return format!(
                "{} {}",
                page.say("the name of a", "نامِ یک"),
                kind_of(kind, page)
            );
        }
        Form::Integer(least, most) => match page.0 {
            Language::English => return format!("a whole number, {least} to {most}"),
            Language::Persian => return format!("عدد صحیح، {least} تا {most}"),
        },
        Form::Span(units) => {
            let samples: Vec<String> = units
                .iter()
                .map(|unit| format!("`\"30 {unit}s\"`"))
                .collect();
            return samples.join(page.say(" or ", " یا "));
        }
        Form::OneOf(all, _) => return names(all),
        Form::List(member) | Form::ListOrNone(member) if matches!(member, Form::Table(_)) => {
            return format!(
                "{} {}",
                page.say("a list of", "فهرستی از"),
                takes(member, page)
            );
        }
        Form::List(member) | Form::ListOrNone(member) => {
            return format!("{} {}", page.say("a list:", "فهرست:"), takes(member, page));
        }
        Form::Table(shape) => return link(shape, page),
        Form::Entries(_, shape) => {
            return format!("{} {}", page.say("by name:", "با نام:"), link(shape, page));
        }
        Form::Either(forms) => {
            let forms: Vec<String> = forms.iter().map(|form| takes(form, page)).collect();
            return forms.join(page.say(" or ", " یا "));
        }
    };
    words.to_owned()
}

/// To the table's own part of the page, by the mark that Markdown makes of its title.
fn link(shape: &Shape, page: Page) -> String {
    let title = page.say(shape.what, shape.fa);
    let kept = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '\u{200c}';
    let mark: String = title.to_lowercase().chars().filter(kept).collect();
    format!("[{title}](#{})", mark.replace(' ', "-"))
}

/// "merchant group" in the language of the page.
fn kind_of(kind: &'static str, page: Page) -> &'static str {
    let known = [
        ("merchant", "پذیرنده"),
        ("merchant group", "گروه پذیرنده"),
        ("season", "فصل"),
        ("tier", "سطح"),
        ("purse", "کیف"),
        ("condition", "شرط"),
        ("person", "شخص"),
        ("accrual above", "کسبِ بالاتر"),
        ("member group", "گروه عضو"),
        ("terminal group", "گروه پایانه"),
        ("province", "استان"),
        ("club", "باشگاه"),
        ("federation", "فراباشگاه"),
        ("organisation", "سازمان"),
        ("pocket", "جیب"),
        ("card product", "محصول کارت"),
    ];
    let persian = known.iter().find(|(english, _)| *english == kind);
    page.say(kind, persian.map_or(kind, |(_, persian)| persian))
}
