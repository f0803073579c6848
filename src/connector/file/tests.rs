use super::*;

fn source(path: &str, more: &[(&str, &str)]) -> Result<FileSource> {
    let mut options = vec![("connector".to_string(), "file".to_string()), ("path".to_string(), path.to_string())];
    options.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    FileSource::new(&Options(options))
}

/// Everything a reader says, as `partition:offset=value` and `partition->position`.
fn read(source: &FileSource, from: &[(i32, i64)], until: Option<&[(i32, i64)]>, records_max: usize) -> Vec<String> {
    let (from, until) = (from.iter().copied().collect(), until.map(|until| until.iter().copied().collect()));
    let mut reader = source.open(&from, until.as_ref(), false).expect("opens");
    let mut said = Vec::new();
    loop {
        match reader.read(records_max, Duration::ZERO).expect("reads") {
            Read::Records(batch) => {
                assert!(batch.records.len() <= records_max);
                for record in &batch.records {
                    let value =
                        String::from_utf8_lossy(&batch.arena[record.value.clone().expect("never null")]).into_owned();
                    said.push(format!("{}:{}={value}", batch.partition, record.offset));
                }
            }
            Read::Position { partition, next } => said.push(format!("{partition}->{next}")),
            Read::End => return said,
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn a_pattern_reads_each_file_as_a_partition() {
    let directory = tempfile::tempdir().expect("a place for files");
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("b.json"), "{\"b\":1}\r\n\n{\"b\":2}").expect("written");
    std::fs::write(at("a.json"), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n \n").expect("written");
    std::fs::write(at("c.txt"), "no").expect("written");
    let source = source(at("*.json").to_str().expect("UTF-8"), &[]).expect("valid");
    assert_eq!(source.start(), Ok(Positions::from([(0, 0), (1, 0)])));
    assert_eq!(source.end(), Ok(Some(Positions::from([(0, 4), (1, 3)]))));
    let all = ["0:0={\"a\":1}", "0:1={\"a\":2}", "0:2={\"a\":3}", "0->4", "1:0={\"b\":1}", "1:2={\"b\":2}"];
    for records_max in [1, 2, 100] {
        assert_eq!(read(&source, &[], None, records_max), all);
        assert_eq!(read(&source, &[(0, 2), (1, 3)], Some(&[(0, 4), (1, 3)]), records_max), all[2..4]);
        assert_eq!(read(&source, &[], Some(&[(0, 1)]), records_max), ["0:0={\"a\":1}"]);
    }
    // A file that comes later must not move the others to other partitions.
    std::fs::write(at("0.json"), "{\"z\":1}").expect("written");
    assert_eq!(read(&source, &[], None, 100), all);
}

#[test]
fn csv_skips_its_header_and_keeps_quoted_line_ends() {
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, "id;name\n1;\"a\nb\"\n\n2;c").expect("written");
    let path = path.to_str().expect("UTF-8");
    let source = source(path, &[("format", "csv"), ("header", "true"), ("delimiter", ";")]).expect("valid");
    assert_eq!(source.start(), Ok(Positions::from([(0, 1)])));
    assert_eq!(source.end(), Ok(Some(Positions::from([(0, 3)]))));
    assert_eq!(read(&source, &[], None, 100), ["0:1=1;\"a\nb\"", "0:2=2;c"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().to_str().expect("UTF-8");
    let error = |path: &str| source(path, &[]).expect("valid").start().expect_err("must fail");
    assert_eq!(error(&format!("{path}/none.json")).code, code::UNDEFINED_FILE);
    assert_eq!(error(&format!("{path}/*.json")).code, code::UNDEFINED_FILE);
    assert_eq!(error(path).hint, Some(format!("to read its files, give a pattern such as '{path}/*.json'")));
    assert!(source(path, &[("watch", "true")]).err().is_some_and(|error| error.message.contains("\"watch\"")));
    assert!(source(path, &[("format", "csv"), ("delimiter", "::")]).is_err());
}
