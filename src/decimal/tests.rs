//! Against results that PostgreSQL 15 gave (`recorded.txt`: operation and operands, `=`, result or `!` SQLSTATE and message), and
//! properties of the encoding.

use super::encoding::{canonical, encoded, key, read, read_small, write_small};
use super::*;

fn value(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn small(text: &str) -> Option<(i128, u32)> {
    let value = Decimal::parse(text).ok()?;
    let number = value.number()?;
    Some((i128::try_from(number.units()).ok()?, number.scale()))
}

fn sum_of(operation: &str, values: &[Decimal]) -> Result<Option<Decimal>> {
    let (mut total, mut squares) = (Total::default(), Squares::default());
    let noise = [value("123.456789"), value("-1e40"), Decimal::NaN, Decimal::Infinity];
    for (value, weight) in noise
        .iter()
        .map(|value| (value, 2))
        .chain(values.iter().map(|value| (value, 1)))
        .chain(noise.iter().map(|value| (value, -2)))
    {
        total.add_encoded(&encoded(value), weight);
        squares.add_encoded(&encoded(value), weight);
    }
    match operation {
        "sum" => total.sum().map(Some),
        "avg" => total.average().map(Some),
        "var_pop" => squares.figure(Deviation { sample: false, root: false }),
        "var_samp" => squares.figure(Deviation { sample: true, root: false }),
        "stddev_pop" => squares.figure(Deviation { sample: false, root: true }),
        _ => squares.figure(Deviation { sample: true, root: true }),
    }
}

fn computed(operation: &str, operands: &[&str]) -> Result<Option<Decimal>> {
    let number = |at: usize| value(operands[at]);
    let digits = |at: usize| operands[at].parse::<i32>().unwrap();
    Ok(Some(match operation {
        "+" => number(0).add(&number(1))?,
        "-" => number(0).subtract(&number(1))?,
        "*" => number(0).multiply(&number(1))?,
        "/" => number(0).divide(&number(1))?,
        "%" => number(0).remainder(&number(1))?,
        "div" => number(0).divide_whole(&number(1))?,
        "round" => number(0).round(digits(1))?,
        "trunc" => number(0).truncate(digits(1))?,
        "ceil" => number(0).ceiling()?,
        "floor" => number(0).floor()?,
        "sqrt" => number(0).sqrt()?,
        "exp" => number(0).exp()?,
        "ln" => number(0).ln()?,
        "log" => number(0).log(&number(1))?,
        "power" => number(0).power(&number(1))?,
        "trim_scale" => number(0).trimmed(),
        "fit" => {
            let (precision, scale) = operands[1].split_once(',').unwrap();
            number(0).fitted(precision.parse().unwrap(), scale.parse().unwrap())?
        }
        "read" => Decimal::parse(operands[0])?,
        _ => return sum_of(operation, &operands.iter().map(|text| value(text)).collect::<Vec<_>>()),
    }))
}

#[test]
fn results_are_those_of_postgresql() {
    let mut wrong = Vec::new();
    for line in include_str!("recorded.txt").lines() {
        let (call, expected) = line.rsplit_once(" = ").unwrap();
        let parts: Vec<&str> = call.split('|').collect();
        let result = match computed(parts[0], &parts[1..]) {
            Ok(Some(value)) => {
                // What was computed can be kept.
                assert_eq!(read(&encoded(&value)), value, "{line}");
                value.to_string()
            }
            Ok(None) => "NULL".to_string(),
            Err(error) => format!("!{} {}", error.code, error.message),
        };
        if let ("/", [Some(one), Some(other)]) = (parts[0], [1, 2].map(|at| parts.get(at).and_then(|text| small(text))))
            && let Some((units, scale)) = small_quotient(one, other)
        {
            assert_eq!(Decimal::new(units, scale).to_string(), result, "{line}");
        }
        let same = match expected.strip_prefix('#').and_then(|long| long.split_once(' ')) {
            Some((length, start)) => result.len() == length.parse::<usize>().unwrap() && result.starts_with(start),
            None => result == expected,
        };
        if !same {
            wrong.push(format!("{line}\n    {result}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bytes_sort_as_numbers() {
    let ascending = [
        "-Infinity",
        "-1e50",
        "-10000.0001",
        "-10000",
        "-9999.9",
        "-1.00005",
        "-1",
        "-0.5",
        "-0.00001",
        "0",
        "0.00000001",
        "0.1",
        "0.10001",
        "1",
        "1.0001",
        "1.5",
        "2",
        "9999",
        "10000",
        "10000.5",
        "123456789012345678901234567890",
        "1e100",
        "Infinity",
        "NaN",
    ];
    for pair in ascending.windows(2) {
        let [less, greater] = [value(pair[0]), value(pair[1])];
        assert!(encoded(&less) < encoded(&greater), "{pair:?}");
        assert!(key(&encoded(&less)) < key(&encoded(&greater)), "{pair:?}");
        assert!(less.compare(&greater).is_lt(), "{pair:?}");
    }
}

#[test]
fn scales_are_kept_but_are_no_part_of_keys() {
    for (short, long) in [
        ("1.5", "1.500"),
        ("0", "0.000"),
        ("-120", "-120.00"),
        ("0.0001", "0.00010000"),
        ("7e20", "700000000000000000000.0"),
    ] {
        let (a, b) = (encoded(&value(short)), encoded(&value(long)));
        assert!(a < b);
        assert_eq!(key(&a), key(&b));
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(read(&canonical(&b)), value(short).trimmed());
        assert_eq!(read(&b).to_string(), value(long).to_string());
    }
}

#[test]
fn small_numbers_go_the_short_way_to_the_same_bytes() {
    for units in
        [0, 1, -1, 5, 120, -9_999, 10_000, 123_456_789, i128::from(i64::MAX), -(10_i128.pow(36) - 1), 10_i128.pow(37)]
    {
        for scale in [0, 1, 2, 3, 4, 5, 10, 37, 100] {
            let mut short = Vec::new();
            write_small(units, scale, &mut short);
            assert_eq!(short, encoded(&Decimal::new(units, scale)), "{units} {scale}");
            assert_eq!(read(&short), Decimal::new(units, scale));
            if let Some(small) = read_small(&short) {
                assert_eq!(small, (units, scale));
            } else {
                assert!(units.unsigned_abs() >= 10_u128.pow(30), "{units} {scale}");
            }
        }
    }
}

#[test]
fn sums_forget_what_went() {
    let mut total = Total::default();
    total.add(&value("1.5"), 2);
    total.add(&value("0.12345"), 1);
    total.add(&Decimal::NaN, 1);
    assert_eq!(total.sum().unwrap(), Decimal::NaN);
    total.add(&Decimal::NaN, -1);
    assert_eq!(total.sum().unwrap().to_string(), "3.12345");
    total.add(&value("0.12345"), -1);
    assert_eq!(total.sum().unwrap().to_string(), "3.0");
    total.add(&value("1e60"), 1);
    assert_eq!(total.sum().unwrap(), value("1000000000000000000000000000000000000000000000000000000000003.0"));
    total.add(&value("1e60"), -1);
    total.add(&value("1.5"), -2);
    assert!(total.is_empty());
}

#[test]
fn floats_have_the_digits_that_are_sure() {
    for (float, digits, expected) in [
        (0.1, 15, "0.1"),
        (1e20, 15, "100000000000000000000"),
        (1.5e-7, 15, "0.00000015"),
        (0.1_f32.into(), 6, "0.1"),
        (-2.0, 15, "-2"),
    ] {
        assert_eq!(Decimal::from_float(float, digits).to_string(), expected);
    }
    assert_eq!(value("1e-400").to_f64(), 0.0);
    assert_eq!(value("0.1").to_f64(), 0.1);
}
