//! The fault table: every fault, and the tests that prove that the function survives it.
//!
//! This table is the registry of the suite. It generates the tests: `table::MODULE::NAME` runs `MODULE::NAME`. A row
//! that no test names does not compile, nor does a test that is missing from the table, nor one that does not exist.
//!
//! A row that begins with F is a fault of `docs/FAULTS.md`, under its number there. The others are promises of
//! `docs/SEMANTICS.md`: O ownership, A answers, P panics, R retries. Where it takes a process to fail (exit, the
//! runtime's own reading of the payload), see `tests/process`.

use std::collections::BTreeSet;
use std::process::Command;

/// Defines the rows, and a test for each function that proves some of them.
macro_rules! table {
    (
        rows { $($(#[$fault:meta])+ $row:ident,)+ }
        $($module:ident { $($test:ident: $($proves:ident)+,)+ })+
    ) => {
        /// A row of the table. It is dead code, which is an error here, unless a test proves it.
        #[derive(Debug)]
        enum Row {
            $($(#[$fault])+ $row,)+
        }

        $(mod $module {
            use super::Row;

            $(#[tokio::test]
            async fn $test() {
                println!("proves {:?}", [$(Row::$proves),+]);
                crate::$module::$test().await;
            })+
        })+

        /// Every test that the table generates.
        const TESTS: &[&str] = &[$($(concat!("table::", stringify!($module), "::", stringify!($test))),+),+];
    };
}

table! {
    rows {
        /// An unhandled error in Create.
        F1,
        /// A panic; `tests/process` has the exit of the process.
        F2,
        /// Timeout imminent in Create.
        F3,
        /// Timeout imminent in Update.
        F3b,
        /// No `ResourceProperties`.
        F4,
        /// One property missing or bad.
        F4b,
        /// No `ResponseURL`, cold.
        F5,
        /// No `ResponseURL`, warm.
        F5b,
        /// No `RequestId`.
        F5c,
        /// `RequestType` "Foo".
        F6,
        /// A response of more than 4096 bytes because of its data.
        F7,
        /// 10 kB of error text.
        F7b,
        /// PUT always returns 500.
        F8,
        /// PUT returns 500 once.
        F8b,
        /// PUT of a SUCCESS returns 500 six times, then 200.
        F8c,
        /// PUT returns 403.
        F9,
        /// PUT is reset once.
        F10,
        /// PUT is always reset.
        F10b,
        /// PUT hangs.
        F11,
        /// Duplicate delivery.
        F12,
        /// Delete after a failed Create.
        F13,
        /// Delete of an absent target.
        F14,
        /// Delete with an invented physical id.
        F15,
        /// Update that changes the identity.
        F16,
        /// A failed Update keeps its physical id.
        F17,
        /// The API throttles twice.
        F18,
        /// The API always throttles.
        F18b,
        /// `ConcurrentUpdateException`, many times.
        F19,
        /// A secret or the URL in the text of an error.
        F20,
        /// The URL in the log of a success.
        F21,
        /// Data that is no text.
        F22,
        /// Data that cannot be serialised.
        F23,
        /// Non-ASCII text.
        F24,
        /// The target is not registered.
        O1,
        /// This resource owns the target.
        O2,
        /// Another stack, or another resource of this stack, owns the target.
        O3,
        /// The target is untagged.
        O4,
        /// A Create that registered nothing.
        O5,
        /// A Create that registered, and then failed.
        O6,
        /// A payload that is no request.
        A1,
        /// The envelope broken, field by field.
        A2,
        /// Always a physical id, and the given one where there is one.
        A3,
        /// 4096 bytes after escaping; a success is never turned into a failure.
        A4,
        /// PUT as signed; redirects, 408, 429, refused connections.
        A5,
        /// A response URL that is not allowed.
        A6,
        /// Two deadlines.
        A7,
        /// An undelivered answer fails the invocation; a warm process continues.
        A8,
        /// Secrets are in no text.
        A9,
        /// A panic anywhere.
        P1,
        /// Throttling, under each of its names.
        R1,
        /// `ConcurrentUpdateException`.
        R2,
        /// 5xx.
        R3,
        /// Connections to AWS that are reset, hang, are refused, truncated or stale.
        R4,
        /// A quota.
        R5,
        /// `ValidationException`.
        R6,
        /// Access denied.
        R7,
        /// `ObjectNotFoundException` on deregistration.
        R8,
        /// Retries until the work deadline.
        R9,
        /// A malformed reply.
        R10,
    }

    api {
        a_throttled_call_is_retried_until_it_succeeds: F18 R1,
        endless_throttling_fails_before_the_deadline_with_the_last_error: F18b R9,
        a_call_that_meets_a_concurrent_update_is_retried: F19 R2,
        a_call_is_retried_while_the_service_is_down: R3,
        a_call_whose_connection_breaks_is_retried: R4,
        a_call_whose_reply_is_malformed_is_retried: R10,
        a_call_that_hangs_is_aborted_before_the_deadline: R4,
        refused_connections_to_aws_fail_before_the_deadline: R4,
        a_final_error_fails_a_create_at_once: F1 R5 R6 R7,
        a_denied_call_is_named_in_the_reason: R7,
        a_delete_of_an_absent_target_succeeds: F14 R8,
        a_connection_to_aws_that_died_between_requests_is_replaced: R4,
    }

    envelope {
        a_request_with_a_broken_field_is_answered: F5c A2 A3,
        missing_properties_fail_a_create_and_an_update: F4,
        a_missing_or_mistyped_property_is_named: F4b,
        a_request_without_a_usable_response_url_fails_the_invocation: F5 A6,
        a_warm_process_does_not_reuse_a_response_url: F5b,
        an_unknown_request_type_calls_no_service: F6,
    }

    ownership {
        an_unregistered_target_is_registered_and_its_delete_does_nothing: O1,
        a_request_that_is_delivered_twice_takes_effect_once: F12 O2,
        a_target_of_another_owner_is_refused_and_not_changed: O3,
        an_untagged_target_is_refused_or_adopted_and_released: O4,
        a_delete_after_a_create_that_registered_nothing_calls_no_service: F13 O5,
        a_delete_after_a_create_that_registered_and_failed_deregisters: F13 O6,
        a_delete_with_an_invented_id_follows_the_properties: F15,
        a_changed_variant_is_a_replacement: F16,
        a_failed_update_or_delete_keeps_its_physical_id: F17 A3,
    }

    panics {
        a_panic_at_any_exchange_is_answered: F2 P1,
        an_answer_is_sent_again_after_a_panic_while_it_is_sent: P1,
        a_panic_outside_the_work_fails_the_invocation_without_its_message: P1,
    }

    payloads {
        a_payload_that_is_no_request_fails_only_its_invocation: A1,
        an_odd_payload_with_a_response_url_is_answered: A1,
        a_deeply_nested_payload_is_answered: A1,
        a_megabyte_of_properties_is_answered: A1,
    }

    put {
        an_answer_that_fails_once_is_sent_again_unchanged: F8b F10,
        an_answer_is_sent_again_after_408_and_429: A5,
        a_success_stays_a_success_after_many_failed_deliveries: F8c A4,
        an_answer_that_always_fails_is_retried_until_the_deadline_and_fails_the_invocation: F8 F10b A8,
        an_answer_without_a_reply_is_retried_until_the_deadline: F11,
        a_rejected_answer_is_not_retried: F9,
        a_redirect_is_not_followed: A5,
        a_response_url_that_refuses_connections_fails_the_invocation_before_the_deadline: A5,
        the_put_matches_its_signature: A5,
        a_connection_to_the_response_url_that_died_between_requests_is_replaced: A8,
    }

    replies {
        a_long_reason_is_cut_at_the_size_limit: F7b A4,
        a_reason_is_never_cut_inside_a_character: A4,
        a_reason_that_fits_is_not_cut: A4,
        the_longest_success_fits_the_size_limit: F7,
        every_attribute_is_text: F22 F23,
        non_ascii_text_arrives_unchanged: F24,
    }

    secrets {
        no_request_leaks_a_secret_on_any_path: F21 A9,
        secrets_that_aws_quotes_are_redacted: F20 A9,
        an_error_of_describe_stack_resource_neither_fails_a_late_request_nor_leaks: A9,
        a_refused_hand_over_that_quotes_the_request_leaks_nothing: F20 A9,
        parts_of_the_response_url_in_a_property_are_redacted: F20 A9,
        secrets_that_a_panic_quotes_are_redacted: A9 P1,
        the_shipped_log_contains_only_events_of_the_function: A9,
        other_crates_log_secrets_without_the_filter: A9,
        a_panic_is_logged_with_its_location_only: A9 P1,
    }

    time {
        work_that_takes_too_long_fails_before_the_deadline: F3 F3b A7,
        a_wait_that_takes_too_long_fails_with_the_status_of_the_endpoint: F3 F3b,
        a_shorter_service_timeout_is_the_deadline: A7,
        a_short_invocation_is_answered: A7,
        a_deadline_in_the_past_is_ignored: A7,
    }
}

/// A test with an attribute of its own would run, and would prove no row.
#[test]
fn every_test_of_this_suite_is_in_the_table() {
    let this = std::env::current_exe().expect("a path");
    let list = Command::new(this).args(["--list", "--format", "terse"]).output().expect("the test binary runs");
    let list = String::from_utf8(list.stdout).expect("UTF-8");
    let listed: BTreeSet<_> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let expected = TESTS.iter().chain(NOT_IN_THE_TABLE).copied().collect();
    assert_eq!(listed, expected);
}

/// The test above, and the processes that a test in the table starts.
const NOT_IN_THE_TABLE: &[&str] = &[
    "secrets::a_process_that_panics_with_the_hook",
    "secrets::a_process_that_panics_without_the_hook",
    "table::every_test_of_this_suite_is_in_the_table",
];
