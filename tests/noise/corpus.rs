//! Statements that are known to work: those of the other tests.

use crate::oracle::Random;

/// The statements, in the order of their files, and the words that they are made of.
pub(super) struct Corpus {
    files: Vec<Vec<String>>,
    pub(super) tokens: Vec<String>,
    /// Functions that are documented.
    pub(super) functions: Vec<String>,
}

impl Corpus {
    pub(super) fn read() -> Corpus {
        let mut files: Vec<Vec<String>> = texts("tests/slt/*.slt").iter().map(|text| script(text)).collect();
        files.extend(texts("tests/oracle/**/*.sql").iter().map(|text| queries(text)));
        let mut tokens: Vec<String> = files.iter().flatten().flat_map(|sql| super::mutation::tokens(sql)).collect();
        tokens.sort();
        tokens.dedup();
        let functions = texts("docs/functions.md").iter().flat_map(|text| names(text)).collect();
        let corpus = Corpus { files, tokens, functions };
        assert!(corpus.files.len() > 30 && corpus.tokens.len() > 1000 && corpus.functions.len() > 200);
        corpus
    }

    /// Some statements that stand together.
    pub(super) fn some(&self, random: &mut Random) -> &[String] {
        let file = &self.files[random.next(self.files.len() as u64) as usize];
        let start = random.next(file.len() as u64) as usize;
        let length = 1 + random.next(8) as usize;
        &file[start..file.len().min(start + length)]
    }
}

fn texts(pattern: &str) -> Vec<String> {
    let pattern = format!("{}/{pattern}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = glob::glob(&pattern).unwrap().map(Result::unwrap).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The statements of a sqllogictest file, but for those that wait for brokers.
fn script(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("statement") || line.starts_with("query") {
            let sql: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty() && *line != "----").collect();
            found.push(sql.join("\n"));
        }
    }
    found.retain(|sql| !sql.contains("kafka"));
    found
}

/// The queries of a file of queries or named views.
fn queries(text: &str) -> Vec<String> {
    let without_names: String =
        text.lines().filter(|line| !line.starts_with("--")).map(|line| format!("{line}\n")).collect();
    without_names.split(";\n").map(|sql| sql.trim().to_string()).filter(|sql| !sql.is_empty()).collect()
}

/// Words between backticks.
fn names(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).flat_map(|part| part.split([' ', ',', '(']));
    let is_name = |word: &&str| {
        word.len() > 2 && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    quoted.filter(is_name).map(str::to_string).collect()
}
