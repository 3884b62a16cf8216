//! What everybody owns and owes: accounts, lots, postings, entries, and the book they fold into.
