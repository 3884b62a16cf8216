//! What a purchase would get, and why: judged as a purchase is, and nothing is kept.

use std::cell::OnceCell;
use std::sync::Arc;

use super::{Brought, Decided, Engine, Hand, Limits};
use crate::ledger::{Effects, Request, Verdict};
use crate::rules::Rulebook;
use crate::rules::trace::{Heard, Listener};
use crate::terms::person::Identity;
use crate::terms::{Local, Moment};

/// A purchase that somebody supposes.
#[derive(Clone, Debug)]
pub struct Supposed {
    /// The message it would be.
    pub request: Request,
    /// When, on the wall clock of the rules' zone; none: now.
    pub at: Option<Local>,
    /// The rules it is judged by, where it is not by those in force.
    pub with: Option<Arc<Rulebook>>,
}

/// What it would get.
#[derive(Clone, Debug)]
pub struct Explained {
    /// By which rules.
    pub rules: Arc<Rulebook>,
    /// The effects it would have.
    pub effects: Effects,
    /// What was heard while it was judged.
    pub heard: Heard,
}

impl Engine {
    /// What it holds itself to.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Judges a purchase that nobody makes. A member who is named by his number is judged as if his card had been read.
    pub fn explain(&self, mut supposed: Supposed, now: Moment) -> Explained {
        let now = now.max(self.book.at());
        let rules = match supposed.with.take() {
            Some(rules) => rules,
            None => Arc::clone(&self.rules),
        };
        let request = &mut supposed.request;
        if let Some(Identity::Number(id)) = request.named
            && let Some(token) = self.book.tokens(id).next()
        {
            request.card = Some(token);
        }
        let zone = &rules.world.zone;
        let now = supposed.at.map_or(now, |at| zone.moment(at));
        let acquirer = request.asked.key.acquirer;
        let local = zone.local(now);
        let open = self.book.open_day(acquirer);
        // Supposed for another time, it counts in the day of that time.
        let open = open.filter(|_| supposed.at.is_none());
        let hand = Hand {
            request,
            key: request.asked.key,
            acquirer,
            is_new_acquirer: false,
            now,
            local,
            business_day: open.unwrap_or_else(|| self.day_by_clock(now)),
            rules: Arc::clone(&rules),
            brought: &Brought::default(),
            earliest: OnceCell::new(),
        };
        let listener = Listener::default();
        let effects = match hand.shop() {
            Some(shop) => self.judged_aloud(&hand, shop, &listener).effects,
            None => Decided::only(Verdict::MerchantUnknown).effects,
        };
        Explained {
            rules,
            effects,
            heard: listener.heard(),
        }
    }
}
