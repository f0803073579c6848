//! The protocol against a scripted session, over real sockets: what a client sends byte by byte, and what it must get.

mod client;
mod cursors;
mod extended;
mod interrupts;
mod script;
mod simple;
mod start;
