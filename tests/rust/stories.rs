//! What stock clients find. Each story is a file in `node`, `python` or `php`.

use crate::story::{holds, holds_here};

#[test]
fn each_users_page_gets_what_php_sends_to_that_user_in_order() {
    holds("node/topic_to_users.mjs");
}

#[test]
fn pages_in_chromium_on_new_and_old_stompjs_hear_their_own_user() {
    holds("node/browser_pages.mjs");
}

#[test]
fn a_php_back_end_declares_publishes_consumes_and_acknowledges() {
    holds("php/back_end.php");
}

#[test]
fn a_c_client_declares_publishes_gets_and_consumes() {
    holds("shell/amqp_tools.sh");
}

#[test]
fn a_job_goes_to_one_worker_and_back_when_refused() {
    holds("node/work_queue.mjs");
}

#[test]
fn cumulative_acks_settle_all_before_and_the_rest_comes_again() {
    holds("node/cumulative_ack.mjs");
}

#[test]
fn prefetch_bounds_what_is_in_flight() {
    holds("node/prefetch.mjs");
}

#[test]
fn every_publish_is_confirmed_and_every_receipt_arrives() {
    holds("node/confirms_and_receipts.mjs");
}

#[test]
fn a_mandatory_message_that_no_queue_takes_comes_back() {
    holds("node/mandatory_return.mjs");
}

#[test]
fn stomp_transactions_count_at_their_commit() {
    holds("node/transactions.mjs");
}

#[test]
fn amqp_transactions_count_at_their_commit() {
    holds("python/transactions.py");
}

#[test]
fn a_page_asks_over_a_temporary_queue_and_only_it_hears_the_answer() {
    holds("node/temp_queue_rpc.mjs");
}

#[test]
fn a_page_that_lost_its_connection_misses_nothing_durable() {
    holds("node/reconnect.mjs");
}

#[test]
fn large_json_travels_compressed_and_arrives_as_it_was() {
    holds("node/deflate.mjs");
}

#[test]
fn zlib_inflates_what_comes_at_every_window_that_can_be_agreed_on() {
    holds("python/deflate.py");
}

#[test]
fn ws_inflates_what_comes_at_every_window_that_can_be_agreed_on() {
    holds("node/deflate_windows.mjs");
}

#[test]
fn chromium_inflates_bodies_of_every_kind_in_order() {
    holds("node/deflate_chromium.mjs");
}

#[test]
fn frames_arrive_however_they_were_cut_or_joined() {
    holds("node/fragments.mjs");
}

#[test]
fn heart_beats_are_agreed_sent_and_missed() {
    holds("node/heartbeat.mjs");
}

#[test]
fn a_refused_stomp_login_says_why_and_leaves_the_socket_open() {
    holds("node/login_refused.mjs");
}

#[test]
fn node_amqplib_is_refused_with_codes() {
    holds("node/amqp_login.mjs");
}

#[test]
fn a_refused_amqp_login_is_told_its_code_and_text() {
    holds("python/logins.py");
}

#[test]
fn who_may_not_is_told_what_was_refused() {
    holds("node/forbidden.mjs");
}

#[test]
fn destination_rules_name_themselves_and_deny_the_rest() {
    holds_here("node/destination_rules.mjs", include_str!("../rules.conf"));
}

#[test]
fn the_management_api_tells_what_is_there() {
    holds("node/overview.mjs");
}

#[test]
fn topic_subscriptions_look_like_queues_and_go_with_their_page() {
    holds("node/subscription_queues.mjs");
}

#[test]
fn tools_find_a_topic_subscription_as_a_queue_and_its_consumer() {
    holds("node/subscription_listing.mjs");
}

#[test]
fn a_topic_subscription_expires_ends_and_is_refused_as_a_queue() {
    holds("node/subscription_life.mjs");
}

#[test]
fn a_thousand_messages_arrive_in_order() {
    holds("node/thousand_in_order.mjs");
}

#[test]
fn properties_and_headers_cross_between_amqp_and_stomp() {
    holds("python/properties.py");
}

#[test]
fn queues_live_are_named_give_and_keep_their_order() {
    holds("python/queues.py");
}

#[test]
fn a_stream_is_read_by_everybody_from_where_they_like() {
    holds("python/streams.py");
}

#[test]
fn each_kind_of_exchange_routes_by_its_own_rule() {
    holds("python/exchanges.py");
}

#[test]
fn stomp_over_plain_tcp_is_the_same_session() {
    holds("python/stomp_over_tcp.py");
}

#[test]
fn notifications_go_from_php_to_the_pages_of_their_users() {
    holds("node/scenario.mjs notifications");
}

#[test]
fn online_status_goes_from_php_to_a_page() {
    holds("node/scenario.mjs presence");
}

#[test]
fn chat_goes_from_php_to_pages_and_from_page_to_page() {
    holds("node/scenario.mjs chat");
}

#[test]
fn a_dashboard_shows_what_php_measures() {
    holds("node/scenario.mjs dashboard");
}

#[test]
fn a_text_that_php_and_two_pages_edit_ends_the_same_everywhere() {
    holds("node/scenario.mjs editing");
}
