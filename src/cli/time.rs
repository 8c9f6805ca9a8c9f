//! Points in time, as people and other programs write them. Those of the library are nanoseconds since 1970.

use llz::{Error, Result, Times};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// The environment variable that says which time is the latest for whoever packs things so that others get the same
/// bytes: see reproducible-builds.org.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The times that are to be stored: the given one, or those that are found, up to what the environment says.
///
/// # Errors
/// [`Error::Usage`] for an environment that makes no sense.
pub fn times(given: Option<i64>) -> Result<Times> {
    if let Some(time) = given {
        return Ok(Times::Fixed(time));
    }
    let Some(latest) = std::env::var_os(SOURCE_DATE_EPOCH) else { return Ok(Times::Keep) };
    let seconds = latest.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(seconds);
    let shown = latest.display();
    seconds
        .map(Times::NotAfter)
        .map_err(|why| Error::Usage(format!("{SOURCE_DATE_EPOCH}={shown}: {why}")))
}

/// Reads a time: seconds since 1970, with `@` before them or not, or a date in the form of ISO 8601.
pub fn time(text: &str) -> std::result::Result<i64, String> {
    match text.strip_prefix('@') {
        Some(number) => seconds(number),
        None if text.parse::<i128>().is_ok() => seconds(text),
        None => date(text),
    }
}

const BEYOND: &str = "it is outside of the years 1677 to 2262";

fn seconds(text: &str) -> std::result::Result<i64, String> {
    let seconds: i128 =
        text.parse().map_err(|_| "it is not a whole number of seconds".to_owned())?;
    i64::try_from(seconds.saturating_mul(SECOND.into())).map_err(|_| BEYOND.into())
}

const FORMS: &str = "it is neither a number of seconds since 1970 nor a date such as 2026-11-21, \
    2026-11-21T10:44:53Z or 2026-11-21T10:44:53.5+01:00";

/// Reads a date: `YYYY-MM-DD`, or with `THH:MM`, `:SS`, a fraction of up to nine digits, and `Z` or `+HH:MM`. Without
/// the last it is UTC.
fn date(text: &str) -> std::result::Result<i64, String> {
    let wrong = || FORMS.to_owned();
    let mut rest = text;
    let mut number = |begin: &str, digits: usize, range: std::ops::RangeInclusive<i64>| {
        let after = rest.strip_prefix(begin)?;
        let (number, after) = after.split_at_checked(digits)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| is_number && range.contains(number))?;
        rest = after;
        Some(number)
    };
    let mut need = |begin, digits, range| number(begin, digits, range).ok_or_else(wrong);
    let (year, month, day) = (need("", 4, 0..=9999)?, need("-", 2, 1..=12)?, need("-", 2, 1..=31)?);
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return Err("there is no such day".into());
    }
    let (mut second, mut fraction) = (0, 0);
    if let Some(hour) = number("T", 2, 0..=23).or_else(|| number(" ", 2, 0..=23)) {
        second = hour * 3600 + number(":", 2, 0..=59).ok_or_else(wrong)? * 60;
        second += number(":", 2, 0..=59).unwrap_or(0);
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, after) = after.split_at(digits);
            if !(1..=9).contains(&digits.len()) {
                return Err(wrong());
            }
            fraction = format!("{digits:0<9}").parse().map_err(|_| wrong())?;
            rest = after;
        }
        second -= match rest {
            "" | "Z" => 0,
            zone => offset(zone).ok_or_else(wrong)?,
        };
        rest = "";
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    let whole = i128::from(days * DAY + second) * i128::from(SECOND);
    i64::try_from(whole + i128::from(fraction)).map_err(|_| BEYOND.into())
}

/// The seconds that a time zone such as `+01:00` is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str, most| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|&number: &i64| is_number && number <= most)
    };
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

/// Nanoseconds since 1970 as `2026-11-21T10:44:53.123456789Z`.
pub fn timestamp(ns: i64) -> String {
    let (seconds, ns) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// The date that is `days` after 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400
/// years, which all have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let since_march_of_year_0 = days + 719_468;
    let (era, day) = (since_march_of_year_0.div_euclid(ERA), since_march_of_year_0.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_month)
}

/// The days from 1970-01-01 to a date; the inverse of [`civil`] for a date that there is.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(timestamp(951_782_400_000_000_000), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(timestamp(1_795_257_893_000_000_007), "2026-11-21T10:44:53.000000007Z");
        assert_eq!(timestamp(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(timestamp(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn dates_and_seconds_are_read() {
        for (text, wanted) in [
            ("0", "1970-01-01T00:00:00.000000000Z"),
            ("@1795257893", "2026-11-21T10:44:53.000000000Z"),
            ("-1", "1969-12-31T23:59:59.000000000Z"),
            ("2000-02-29", "2000-02-29T00:00:00.000000000Z"),
            ("2026-11-21T10:44", "2026-11-21T10:44:00.000000000Z"),
            ("2026-11-21 10:44:53Z", "2026-11-21T10:44:53.000000000Z"),
            ("2026-11-21T10:44:53.5+01:30", "2026-11-21T09:14:53.500000000Z"),
            ("2026-12-31T23:44:53.123456789-01:00", "2027-01-01T00:44:53.123456789Z"),
        ] {
            assert_eq!(time(text).map(timestamp), Ok(wanted.into()), "{text}");
        }
        for wrong in [
            "",
            "@",
            "now",
            "1.5",
            "2026-13-01",
            "2026-02-29",
            "2026-11-21T",
            "2026-11-21T10",
            "2026-11-21Z",
            "2026-11-21T24:00",
            "2026-11-21T10:44:60",
            "2026-11-21T10:44:53.",
            "2026-11-21T10:44:53.1234567890",
            "2026-11-21T10:44+1:00",
            "2026-11-21T10:44+01:60",
            "+026-11-21",
            "2026-11-21T10:44Zz",
            "9223372037",
            "-9223372037",
            "99999999999999999999999999999999999999",
            "2262-04-12",
            "1677-09-20",
            "9999-12-31",
            "\u{e9}\u{e9}-11-21",
        ] {
            assert!(time(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(seconds("9223372036"), Ok(9_223_372_036_000_000_000));
    }

    #[test]
    fn every_day_is_its_own_inverse() {
        for day in -800_000..800_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }
}
