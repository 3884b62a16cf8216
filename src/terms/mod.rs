//! What is said in every room: money with its unit, percent, time and Jalali days, ids, cards that are never printed.
