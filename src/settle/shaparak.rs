//! The clearing house's settlement file of payment facilitators (SHP_STD_PFGUIDELINE 00-01): one JSON record per acceptor.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::ledger::Names;
use crate::settle::SettleError;
use crate::settle::output::{Output, Piecewise, Sink};
use crate::settle::payments::Record;
use crate::terms::{AcquirerId, Iban};

/// A record as the guide's table has it, in its order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detail {
    /// The acquirer's institution code.
    pub iin: u64,
    /// The acceptor number, 15 characters, blanks on the right.
    pub acceptor_code: String,
    /// The operator's account.
    pub payment_facilitator_iban: String,
    /// Rials; the sum of the shares.
    pub settlement_amount: i64,
    /// Rials; zero, fees are invoiced.
    pub wage_amount: i64,
    /// The account, where there is one only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settlement_iban: Option<String>,
    /// The accounts, where there are 2 to 10.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scattered_settlement_details: Option<Vec<Share>>,
}

/// A share of a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// Rials.
    pub amount_share: i64,
    /// To which account.
    pub settlement_iban: String,
}

/// The file as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SplitFile {
    /// Its records, one per acceptor.
    pub settlement_data_details: Vec<Detail>,
}

impl Detail {
    /// The shares, also where there is one only.
    pub fn shares(&self) -> Vec<(&str, i64)> {
        match (&self.settlement_iban, &self.scattered_settlement_details) {
            (Some(iban), _) => vec![(iban, self.settlement_amount)],
            (None, Some(shares)) => shares
                .iter()
                .map(|share| (share.settlement_iban.as_str(), share.amount_share))
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    fn of(iin: u64, operator: Iban, record: &Record, names: &Names) -> Detail {
        let one = match record.shares.as_slice() {
            [(iban, _)] => Some(iban.to_string()),
            _ => None,
        };
        let scattered = one.is_none().then(|| {
            record
                .shares
                .iter()
                .map(|(iban, amount)| Share {
                    amount_share: *amount,
                    settlement_iban: iban.to_string(),
                })
                .collect()
        });
        Detail {
            iin,
            acceptor_code: format!("{:15}", names.shop(record.shop)),
            payment_facilitator_iban: operator.to_string(),
            settlement_amount: record.shares.iter().map(|(_, amount)| amount).sum(),
            wage_amount: 0,
            settlement_iban: one,
            scattered_settlement_details: scattered,
        }
    }
}

/// Writes one acquirer's file, a record a line.
pub(crate) fn write<S: Sink>(
    output: &mut Output<S>,
    file: &str,
    acquirer: AcquirerId,
    records: &[Record],
    names: &Names,
) -> Result<(), SettleError> {
    let code = names.acquirer(acquirer);
    let iin: u64 = code.parse().map_err(|_| SettleError::Unnamed {
        what: "acquirer",
        found: code.to_owned(),
        wanted: "an institution code of digits",
    })?;
    let (_, _, operator) = names.operator().ok_or_else(no_operator)?;
    let failed = |source| SettleError::File {
        doing: "write",
        path: file.to_owned(),
        source,
    };
    let mut out = Piecewise::new(output, file);
    out.write_all(b"{\"settlementDataDetails\":[")
        .map_err(failed)?;
    let mut sum = 0;
    for (at, record) in records.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })
            .map_err(failed)?;
        let detail = Detail::of(iin, operator, record, names);
        sum += detail.settlement_amount;
        serde_json::to_writer(&mut out, &detail).map_err(|error| failed(error.into()))?;
    }
    out.write_all(b"\n]}\n").map_err(failed)?;
    out.finish()?;
    output.controls(file, records.len() as u64, sum);
    Ok(())
}

/// Reads a file back and holds it against the guide: shares add up, one record per acceptor, one way of naming accounts.
pub fn read(file: &str, from: impl Read) -> Result<SplitFile, SettleError> {
    let broken = |wanted: &str, found: String| SettleError::Broken {
        file: file.to_owned(),
        wanted: wanted.to_owned(),
        found,
    };
    let split: SplitFile = serde_json::from_reader(from)
        .map_err(|error| broken("settlement records", error.to_string()))?;
    let mut seen = std::collections::BTreeSet::new();
    for detail in &split.settlement_data_details {
        let acceptor = &detail.acceptor_code;
        if !seen.insert(acceptor) {
            return Err(broken("one record per acceptor", acceptor.clone()));
        }
        if detail.settlement_iban.is_some() == detail.scattered_settlement_details.is_some() {
            return Err(broken("either one account or several", acceptor.clone()));
        }
        let shares: i64 = detail.shares().iter().map(|(_, amount)| amount).sum();
        if shares != detail.settlement_amount {
            return Err(broken(
                "shares that add up to settlementAmount",
                shares.to_string(),
            ));
        }
    }
    Ok(split)
}

pub(crate) fn no_operator() -> SettleError {
    SettleError::Unnamed {
        what: "operator",
        found: String::new(),
        wanted: "a title, an alias and an account, from the rule files",
    }
}
