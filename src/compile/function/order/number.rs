//! Decimal numbers as bytes that sort as the numbers do, whatever zeros they are written with.

/// Appends the key of a plain decimal number such as `-12.50`: a sign, the position of the point, the digits without outer zeros. No key
/// is the beginning of another.
pub(in crate::compile) fn append(number: &str, out: &mut Vec<u8>) {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    let Some(first) = all().position(|digit| digit != b'0') else {
        out.push(1);
        return;
    };
    let last = all().count() - all().rev().take_while(|digit| *digit == b'0').count();
    let exponent = (whole.len() as i64 - first as i64) as i32;
    let start = out.len() + 1;
    out.push(if negative { 0 } else { 2 });
    out.extend_from_slice(&(exponent as u32 ^ 0x8000_0000).to_be_bytes());
    out.extend(all().skip(first).take(last - first));
    out.push(0);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn keys_sort_as_numbers() {
        let ascending =
            ["-100", "-20.5", "-20", "-0.5", "-0.05", "0", "0.001", "0.01", "0.1", "1", "1.05", "1.5", "9", "10"];
        let key = |number: &str| {
            let mut out = Vec::new();
            append(number, &mut out);
            out
        };
        assert!(ascending.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!(key("1.50"), key("1.5"));
        assert_eq!(key("-0.0"), key("0"));
        assert_eq!(key("0100"), key("100.00"));
    }
}
