//! The binary as a user runs it: command line, configuration, the embedded broker, the demo, the examples, the benches.

#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/cancel.rs"]
mod cancel;
#[path = "cli/configuration.rs"]
mod configuration;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/example.rs"]
mod example;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/run.rs"]
mod run;
