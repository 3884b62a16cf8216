//! The paying bank's file: ISO 20022 `pain.001.001.09`, written in a stream, and read back.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use quick_xml::Reader;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::settle::SettleError;
use crate::settle::output::{Output, Piecewise, Sink};
use crate::terms::{Day, Iban};

/// The namespace of the schema.
pub const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";

/// One transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Transfer {
    /// Unique, at most 35 characters.
    pub id: String,
    /// Rials.
    pub amount: i64,
    /// Who gets it.
    pub name: String,
    /// On which account.
    pub iban: Iban,
    /// What for.
    pub remark: String,
}

/// One debited account and its transfers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Payer {
    /// Whose account.
    pub name: String,
    /// Which.
    pub iban: Iban,
    /// What is paid from it.
    pub transfers: Vec<Transfer>,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Order<'a> {
    /// At most 35 characters.
    pub id: &'a str,
    /// With the offset of the zone.
    pub created: &'a str,
    /// Who sends it.
    pub sender: &'a str,
    /// When the bank is to pay.
    pub due: Day,
    /// The accounts.
    pub payers: &'a [Payer],
}

/// Writes a bank's file.
pub(crate) fn write<S: Sink>(
    output: &mut Output<S>,
    file: &str,
    order: &Order<'_>,
) -> Result<(), SettleError> {
    let failed = |source| SettleError::File {
        doing: "write",
        path: file.to_owned(),
        source,
    };
    let mut out = Tree(Writer::new_with_indent(
        Piecewise::new(output, file),
        b' ',
        1,
    ));
    let (count, sum) = out.document(order).map_err(failed)?;
    io::Write::write_all(out.0.get_mut(), b"\n").map_err(failed)?;
    out.0.into_inner().finish()?;
    output.controls(file, count, sum);
    Ok(())
}

struct Tree<W>(Writer<W>);

impl<W: io::Write> Tree<W> {
    fn document(&mut self, order: &Order<'_>) -> io::Result<(u64, i64)> {
        self.0
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.0.write_event(Event::Start(
            BytesStart::new("Document").with_attributes([("xmlns", NAMESPACE)]),
        ))?;
        let totals = order.payers.iter().map(totals);
        let (count, sum) = totals.fold((0, 0), |(c, s), (count, sum)| (c + count, s + sum));
        self.open("CstmrCdtTrfInitn")?;
        self.open("GrpHdr")?;
        self.text("MsgId", order.id)?;
        self.text("CreDtTm", order.created)?;
        self.text("NbOfTxs", &count.to_string())?;
        self.text("CtrlSum", &sum.to_string())?;
        self.open("InitgPty")?;
        self.text("Nm", &name(order.sender))?;
        self.close("InitgPty")?;
        self.close("GrpHdr")?;
        for (at, payer) in order.payers.iter().enumerate() {
            self.payer(order, at + 1, payer)?;
        }
        self.close("CstmrCdtTrfInitn")?;
        self.close("Document")?;
        Ok((count, sum))
    }

    fn payer(&mut self, order: &Order<'_>, at: usize, payer: &Payer) -> io::Result<()> {
        let (count, sum) = totals(payer);
        self.open("PmtInf")?;
        self.text("PmtInfId", &format!("{}-{at}", order.id))?;
        self.text("PmtMtd", "TRF")?;
        self.text("NbOfTxs", &count.to_string())?;
        self.text("CtrlSum", &sum.to_string())?;
        self.open("ReqdExctnDt")?;
        self.text("Dt", &order.due.gregorian().to_string())?;
        self.close("ReqdExctnDt")?;
        self.party("Dbtr", &payer.name)?;
        self.account("DbtrAcct", payer.iban)?;
        self.agent("DbtrAgt", payer.iban)?;
        self.text("ChrgBr", "SLEV")?;
        for transfer in &payer.transfers {
            self.open("CdtTrfTxInf")?;
            self.open("PmtId")?;
            self.text("InstrId", &transfer.id)?;
            self.text("EndToEndId", &transfer.id)?;
            self.close("PmtId")?;
            self.open("Amt")?;
            self.0
                .create_element("InstdAmt")
                .with_attribute(("Ccy", "IRR"))
                .write_text_content(BytesText::new(&transfer.amount.to_string()))?;
            self.close("Amt")?;
            self.agent("CdtrAgt", transfer.iban)?;
            self.party("Cdtr", &transfer.name)?;
            self.account("CdtrAcct", transfer.iban)?;
            self.open("RmtInf")?;
            self.text("Ustrd", &name(&transfer.remark))?;
            self.close("RmtInf")?;
            self.close("CdtTrfTxInf")?;
        }
        self.close("PmtInf")
    }

    fn party(&mut self, tag: &str, title: &str) -> io::Result<()> {
        self.open(tag)?;
        self.text("Nm", &name(title))?;
        self.close(tag)
    }

    fn account(&mut self, tag: &str, iban: Iban) -> io::Result<()> {
        self.open(tag)?;
        self.open("Id")?;
        self.text("IBAN", iban.as_str())?;
        self.close("Id")?;
        self.close(tag)
    }

    /// Banks are named by the three digits of the IBAN; no BIC is known here.
    fn agent(&mut self, tag: &str, iban: Iban) -> io::Result<()> {
        self.open(tag)?;
        self.open("FinInstnId")?;
        self.open("Othr")?;
        self.text("Id", iban.bank())?;
        self.close("Othr")?;
        self.close("FinInstnId")?;
        self.close(tag)
    }

    fn open(&mut self, tag: &str) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(tag)))
    }

    fn close(&mut self, tag: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(tag)))
    }

    fn text(&mut self, tag: &str, text: &str) -> io::Result<()> {
        self.0
            .create_element(tag)
            .write_text_content(BytesText::new(text))
            .map(|_| ())
    }
}

fn totals(payer: &Payer) -> (u64, i64) {
    let sum = payer.transfers.iter().map(|transfer| transfer.amount).sum();
    (payer.transfers.len() as u64, sum)
}

/// What the schema takes as a name or remark: 1 to 140 characters, none of them a control.
fn name(title: &str) -> String {
    let plain: String = title
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .take(140)
        .collect();
    if plain.trim().is_empty() {
        "-".to_owned()
    } else {
        plain
    }
}

/// What a bank's file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Paid {
    /// Its identification.
    pub id: String,
    /// Each transfer: its end-to-end id, its amount, the account debited and the one credited.
    pub transfers: Vec<(String, i64, String, String)>,
}

/// Reads a file back and holds its counts and sums against its transfers.
pub fn read(file: &str, from: impl BufRead) -> Result<Paid, SettleError> {
    let broken = |wanted: &str, found: &str| SettleError::Broken {
        file: file.to_owned(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    };
    let number = |wanted: &str, text: &str| -> Result<i64, SettleError> {
        text.parse().map_err(|_| broken(wanted, text))
    };
    let mut reader = Reader::from_reader(from);
    let (mut path, mut buffer) = (Vec::<String>::new(), Vec::new());
    let mut paid = Paid::default();
    // Counts and sums as they are told: of the file, and of the payer being read.
    let (mut file_told, mut payer_told) = ((0, 0), (0, 0));
    let (mut debited, mut payer_first) = (String::new(), 0);
    let mut transfer = BTreeMap::<&'static str, String>::new();
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| broken("XML", &error.to_string()))?;
        match event {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
            }
            Event::Text(text) => {
                let text = text.trim();
                let at: Vec<&str> = path.iter().skip(2).map(String::as_str).collect();
                match at.as_slice() {
                    ["GrpHdr", "MsgId"] => paid.id = text.to_owned(),
                    ["GrpHdr", "NbOfTxs"] => file_told.0 = number("a count", text)?,
                    ["GrpHdr", "CtrlSum"] => file_told.1 = number("a sum", text)?,
                    ["PmtInf", "NbOfTxs"] => payer_told.0 = number("a count", text)?,
                    ["PmtInf", "CtrlSum"] => payer_told.1 = number("a sum", text)?,
                    ["PmtInf", "DbtrAcct", "Id", "IBAN"] => debited = text.to_owned(),
                    ["PmtInf", "CdtTrfTxInf", "PmtId", "EndToEndId"] => {
                        transfer.insert("id", text.to_owned());
                    }
                    ["PmtInf", "CdtTrfTxInf", "Amt", "InstdAmt"] => {
                        transfer.insert("amount", text.to_owned());
                    }
                    ["PmtInf", "CdtTrfTxInf", "CdtrAcct", "Id", "IBAN"] => {
                        transfer.insert("iban", text.to_owned());
                    }
                    _ => {}
                }
            }
            Event::End(_) => match path.pop().as_deref() {
                Some("CdtTrfTxInf") => {
                    let mut piece = |name| transfer.remove(name).unwrap_or_default();
                    let (id, amount, iban) = (piece("id"), piece("amount"), piece("iban"));
                    let amount = number("an amount", &amount)?;
                    paid.transfers.push((id, amount, debited.clone(), iban));
                }
                Some("PmtInf") => {
                    let of_payer = &paid.transfers[payer_first..];
                    let found = told(of_payer);
                    if found != payer_told {
                        return Err(broken(
                            &format!("NbOfTxs, CtrlSum {found:?}"),
                            &format!("{payer_told:?}"),
                        ));
                    }
                    payer_first = paid.transfers.len();
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    let found = told(&paid.transfers);
    if found != file_told {
        return Err(broken(
            &format!("NbOfTxs, CtrlSum {found:?}"),
            &format!("{file_told:?}"),
        ));
    }
    Ok(paid)
}

fn told(transfers: &[(String, i64, String, String)]) -> (i64, i64) {
    let sum = transfers.iter().map(|transfer| transfer.1).sum();
    (transfers.len() as i64, sum)
}
