//! The fault table as a suite: each row is a test of the real handler, with the connector that is shipped, over real
//! loopback sockets. A row that begins with a letter is a promise of `docs/SEMANTICS.md`: O ownership, A answers,
//! P panics, R retries. What takes a process to fail (exit, the runtime's own reading of the payload) is in
//! `tests/process`.
//!
//! | row | fault | tests |
//! |---|---|---|
//! | 1 | unhandled error in Create | `api::what_does_not_pass_is_told_at_once` |
//! | 2 | panic; process exit is in `tests/process` | `panics::a_panic_at_any_exchange_is_an_answer` |
//! | 3 | timeout imminent, Create | `time::waiting_that_takes_too_long_tells_what_it_waits_for` |
//! | 3 | | `time::work_that_takes_too_long_is_answered_in_time` |
//! | 3b | timeout imminent, Update | `time::waiting_that_takes_too_long_tells_what_it_waits_for` |
//! | 3b | | `time::work_that_takes_too_long_is_answered_in_time` |
//! | 4 | no `ResourceProperties` | `envelope::a_request_without_properties_is_told_so` |
//! | 4b | one property missing or bad | `envelope::a_property_that_is_missing_or_mistyped_is_named` |
//! | 5 | no `ResponseURL`, cold | `envelope::without_an_address_nothing_is_done` |
//! | 5b | no `ResponseURL`, warm | `envelope::a_warm_process_keeps_no_address` |
//! | 5c | no `RequestId` | `envelope::whoever_can_be_answered_is_answered` |
//! | 6 | `RequestType` "Foo" | `envelope::a_request_type_that_is_unknown_runs_nothing` |
//! | 7 | reply over 4096 bytes by its data | `replies::the_longest_success_fits` |
//! | 7b | 10 kB of error text | `replies::a_reason_that_is_too_long_is_cut_where_the_body_is_full` |
//! | 8 | PUT 500 always | `put::what_fails_for_ever_is_sent_until_time_is_up_and_fails_the_invocation` |
//! | 8b | PUT 500 once | `put::what_fails_once_is_sent_again_unchanged` |
//! | 8c | SUCCESS meets 6 times 500, then is taken | `put::a_success_that_meets_many_failures_stays_a_success` |
//! | 9 | PUT 403 | `put::a_refusal_is_final` |
//! | 10 | PUT reset once | `put::what_fails_once_is_sent_again_unchanged` |
//! | 10b | PUT reset always | `put::what_fails_for_ever_is_sent_until_time_is_up_and_fails_the_invocation` |
//! | 11 | PUT hangs | `put::a_silent_bucket_is_asked_again_and_given_up_in_time` |
//! | 12 | duplicate delivery | `ownership::what_we_hold_is_registered_again_and_deregistered_once` |
//! | 13 | Delete after failed Create | `ownership::the_delete_after_a_create_that_did_nothing_does_nothing` |
//! | 13 | | `ownership::the_delete_after_a_create_that_was_half_done_cleans_up` |
//! | 14 | Delete of absent target | `api::what_is_gone_already_is_deleted` |
//! | 15 | Delete with an invented id | `ownership::an_invented_id_is_deleted_by_the_properties` |
//! | 16 | Update, identity changed | `ownership::a_changed_variant_is_another_id` |
//! | 17 | failed Update keeps its id | `ownership::what_failed_keeps_the_id_that_it_was_given` |
//! | 18 | API throttled, recovers at the 3rd call | `api::throttling_that_passes_is_waited_out` |
//! | 18b | API throttled always | `api::throttling_without_end_is_told_in_time` |
//! | 19 | `ConcurrentUpdateException`, many times | `api::a_concurrent_update_is_waited_out` |
//! | 20 | secret or URL in an error's text | `secrets::what_an_author_copies_of_the_url_is_told_without_its_secrets` |
//! | 20 | | `secrets::what_aws_quotes_of_a_request_is_told_without_its_secrets` |
//! | 21 | URL in the log on success | `secrets::no_event_gives_a_secret_away_on_any_path` |
//! | 22 | data that is no text | `replies::every_attribute_is_text` |
//! | 23 | data that cannot be serialised | `replies::every_attribute_is_text` |
//! | 24 | non-ASCII | `replies::what_is_not_ascii_arrives_whole` |
//! | O1 | nobody holds the target | `ownership::what_nobody_holds_is_registered_and_its_delete_does_nothing` |
//! | O2 | we hold it | `ownership::what_we_hold_is_registered_again_and_deregistered_once` |
//! | O3 | another stack or resource holds it | `ownership::what_another_holds_is_refused_by_name_and_left_alone` |
//! | O4 | it is untagged | `ownership::what_is_untagged_is_refused_or_adopted_and_released` |
//! | O5 | a Create that registered nothing | `ownership::the_delete_after_a_create_that_did_nothing_does_nothing` |
//! | O6 | a Create that registered, then failed | `ownership::the_delete_after_a_create_that_was_half_done_cleans_up` |
//! | A1 | nonsense as payload | `payloads::a_megabyte_is_answered` |
//! | A1 | | `payloads::an_address_in_nonsense_is_answered` |
//! | A1 | | `payloads::nesting_without_end_is_answered` |
//! | A1 | | `payloads::nonsense_fails_the_invocation_and_nothing_else` |
//! | A2 | the envelope broken, field by field | `envelope::whoever_can_be_answered_is_answered` |
//! | A3 | always an id, the given one where there is one | `envelope::whoever_can_be_answered_is_answered` |
//! | A3 | | `ownership::what_failed_keeps_the_id_that_it_was_given` |
//! | A4 | 4096 bytes after escaping; a success stays one | `put::a_success_that_meets_many_failures_stays_a_success` |
//! | A4 | | `replies::a_character_is_never_cut_in_two` |
//! | A4 | | `replies::a_reason_that_fits_is_not_cut` |
//! | A4 | | `replies::a_reason_that_is_too_long_is_cut_where_the_body_is_full` |
//! | A5 | PUT as signed; redirects, 408, 429, refused | `put::a_busy_bucket_is_asked_again` |
//! | A5 | | `put::a_redirect_is_not_followed` |
//! | A5 | | `put::nobody_listening_is_given_up_in_time` |
//! | A5 | | `put::the_put_is_as_it_was_signed` |
//! | A6 | an address that is not allowed | `envelope::without_an_address_nothing_is_done` |
//! | A7 | two deadlines | `time::a_deadline_in_the_past_is_no_reason_to_give_up` |
//! | A7 | | `time::a_service_timeout_that_is_shorter_is_kept` |
//! | A7 | | `time::a_short_invocation_is_answered_too` |
//! | A7 | | `time::work_that_takes_too_long_is_answered_in_time` |
//! | A8 | undelivered fails the invocation; a warm one goes on | `put::a_connection_that_died_between_two_requests_is_made_anew` |
//! | A8 | | `put::what_fails_for_ever_is_sent_until_time_is_up_and_fails_the_invocation` |
//! | A9 | secrets are nowhere | `secrets::a_panic_is_logged_by_its_place_alone` |
//! | A9 | | `secrets::no_event_gives_a_secret_away_on_any_path` |
//! | A9 | | `secrets::the_log_as_it_is_shipped_holds_nothing_that_others_log` |
//! | A9 | | `secrets::what_a_panic_quotes_is_told_without_its_secrets` |
//! | A9 | | `secrets::what_an_author_copies_of_the_url_is_told_without_its_secrets` |
//! | A9 | | `secrets::what_aws_quotes_of_a_request_is_told_without_its_secrets` |
//! | A9 | | `secrets::what_cloudformation_quotes_of_a_request_is_not_told` |
//! | A9 | | `secrets::without_the_filter_secrets_are_logged` |
//! | P1 | panic anywhere | `panics::a_panic_at_any_exchange_is_an_answer` |
//! | P1 | | `panics::a_panic_outside_of_the_work_fails_the_invocation_and_is_not_quoted` |
//! | P1 | | `panics::a_panic_while_answering_does_not_silence_the_answer` |
//! | P1 | | `secrets::a_panic_is_logged_by_its_place_alone` |
//! | P1 | | `secrets::what_a_panic_quotes_is_told_without_its_secrets` |
//! | R1 | throttling, under each name | `api::throttling_that_passes_is_waited_out` |
//! | R2 | `ConcurrentUpdateException` | `api::a_concurrent_update_is_waited_out` |
//! | R3 | 5xx | `api::an_outage_is_waited_out` |
//! | R4 | reset, hanging, refused, truncated, stale | `api::a_connection_that_breaks_is_made_anew` |
//! | R4 | | `api::a_connection_that_died_between_two_requests_is_made_anew` |
//! | R4 | | `api::an_api_that_hangs_is_given_up_in_time` |
//! | R4 | | `api::an_api_that_refuses_connections_is_told_in_time` |
//! | R5 | a quota | `api::what_does_not_pass_is_told_at_once` |
//! | R6 | `ValidationException` | `api::what_does_not_pass_is_told_at_once` |
//! | R7 | denied | `api::a_denial_names_the_call_that_is_denied` |
//! | R7 | | `api::what_does_not_pass_is_told_at_once` |
//! | R8 | `ObjectNotFoundException` at deregistration | `api::what_is_gone_already_is_deleted` |
//! | R9 | until the time for work is up | `api::throttling_without_end_is_told_in_time` |
//! | R10 | malformed reply | `api::a_reply_that_cannot_be_read_is_asked_for_again` |

#![expect(clippy::disallowed_methods, reason = "tests set deadlines and measure")]

mod api;
mod envelope;
mod ownership;
mod panics;
mod payloads;
mod put;
mod replies;
mod secrets;
mod support;
mod table;
mod time;
