use super::errors::{clean, missing_topic};
use super::options::{KafkaOptions, Start};
use crate::connector::Options;
use crate::error::{Error, code};

fn options(pairs: &[(&str, &str)]) -> Options {
    let defaults = [("connector", "kafka"), ("format", "json"), ("topic", "bids")];
    let chosen = defaults.iter().filter(|(name, _)| !pairs.iter().any(|(other, _)| other == name));
    Options(chosen.chain(pairs).map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn source_error(pairs: &[(&str, &str)]) -> Error {
    KafkaOptions::source(&options(pairs)).expect_err("must be refused")
}

#[test]
fn other_engines_names_mean_the_same() {
    let flink = [
        ("topic", "bids"),
        ("properties.bootstrap.servers", "k:1"),
        ("scan.startup.mode", "latest-offset"),
        ("properties.security.protocol", "SASL_SSL"),
    ];
    let risingwave = [
        ("properties.bootstrap.server", "k:1"),
        ("scan.startup.mode", "latest"),
        ("kafka.security.protocol", "sasl_ssl"),
    ];
    let arroyo = [("bootstrap_servers", "k:1"), ("source.offset", "latest"), ("auth.protocol", "SASL_SSL")];
    let ksql =
        [("kafka_topic", "bids"), ("brokers", "k:1"), ("start", "latest"), ("kafka.security.protocol", "sasl_ssl")];
    for dialect in [&flink[..], &risingwave, &arroyo, &ksql] {
        let parsed = KafkaOptions::source(&options(dialect)).expect("accepted");
        assert_eq!((parsed.brokers.as_str(), parsed.topic.as_str(), parsed.start), ("k:1", "bids", Start::Latest));
        let config = parsed.client(&[("linger.ms", "5")]);
        assert_eq!(config.get("security.protocol").map(str::to_lowercase).as_deref(), Some("sasl_ssl"), "{dialect:?}");
        assert_eq!(config.get("bootstrap.servers"), Some("k:1"));
    }
}

#[test]
fn a_statement_overrides_defaults_but_not_what_correctness_rests_on() {
    let parsed = KafkaOptions::source(&options(&[("brokers", "k:1"), ("kafka.linger.ms", "7")])).expect("accepted");
    assert_eq!(parsed.client(&[("linger.ms", "5")]).get("linger.ms"), Some("7"));
    for name in [
        "kafka.enable.auto.commit",
        "kafka.auto.offset.reset",
        "properties.enable.partition.eof",
        "kafka.transactional.id",
    ] {
        let error = source_error(&[("brokers", "k:1"), (name, "true")]);
        assert!(error.message.contains("cannot be set"), "{error}");
    }
}

#[test]
fn wrong_names_and_values_are_named() {
    let error = source_error(&[("brokers", "k:1"), ("kafka.sasl.user", "x")]);
    assert_eq!(
        (error.code, error.message.as_str()),
        (code::FDW_INVALID_OPTION_NAME, "librdkafka has no option \"sasl.user\"")
    );
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("sasl.username")), "{error}");
    let error = source_error(&[("brokers", "k:1"), ("kafka.fetch.wait.max.ms", "secret")]);
    assert_eq!(error.code, code::INVALID_PARAMETER_VALUE);
    assert!(error.message.contains("fetch.wait.max.ms") && !error.to_string().contains("secret"), "{error}");
    let error = source_error(&[("brokers", "k:1"), ("brokrs", "x")]);
    assert!(error.hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean \"brokers\"?")), "{error}");
    let error = source_error(&[]);
    assert_eq!(error.hint.as_deref(), Some("add brokers = 'localhost:9092' to the WITH clause"));
    assert_eq!(source_error(&[("brokers", "k:1"), ("start", "group-offsets")]).code, code::FEATURE_NOT_SUPPORTED);
    assert_eq!(source_error(&[("brokers", "k:1"), ("topic", "a,b")]).code, code::INVALID_PARAMETER_VALUE);
    let error = source_error(&[("brokers", "k:1"), ("kafka.debgu", "all")]);
    assert_eq!(error.hint.as_deref().map(|hint| hint.matches("debug").count()), Some(1), "{error}");
}

#[test]
fn a_topic_may_be_created() {
    let given = options(&[("brokers", "k:1"), ("create_topic", "yes"), ("partitions", "4")]);
    for parsed in [KafkaOptions::sink(&given), KafkaOptions::source(&given)] {
        let parsed = parsed.expect("accepted");
        assert_eq!((parsed.create_topic, parsed.partitions), (true, Some(4)));
    }
    for wrong in [("partitions", "4"), ("start", "latest")] {
        assert!(KafkaOptions::sink(&options(&[("brokers", "k:1"), wrong])).is_err(), "{wrong:?}");
    }
}

#[test]
fn librdkafkas_texts_lose_their_noise() {
    let refused = "Connect to ipv4#127.0.0.1:1 failed: Connection refused";
    for text in [
        "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
        "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 1ms in state CONNECT, 3 identical error(s) suppressed)",
        "GroupCoordinator: 127.0.0.1:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
        "sasl_ssl://127.0.0.1:1/4: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
    ] {
        assert_eq!(clean(text), refused);
    }
}

#[test]
fn a_missing_topic_is_answered_with_the_nearest_ones() {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let error = missing_topic("bid", "k:1", names(&["__consumer_offsets", "persons", "bids"]));
    assert_eq!(error.message, "topic \"bid\" does not exist on the brokers at \"k:1\"");
    assert_eq!(error.hint.as_deref(), Some("the topics there are \"bids\", \"persons\""));
    let error = missing_topic("bid", "k:1", names(&["a", "b", "c", "d", "e", "f", "bids"]));
    assert!(
        error
            .hint
            .as_deref()
            .is_some_and(|hint| hint.starts_with("the brokers have 7 topics, the most similar are \"bids\""))
    );
    let error = missing_topic("bid", "k:1", names(&["__consumer_offsets"]));
    assert_eq!(error.hint.as_deref(), Some("the brokers have no topics yet; create it first"));
}
