//! The rules of a queue, case by case. Numbers in brackets are those of `amqp.md` §13.

use super::script::check;

#[test]
fn messages_of_a_lost_consumer_regain_their_place() {
    // `*` marks a message as redelivered.
    check("enqueue a b c; consume x prefetch=2; lose x", "deliver x a; deliver x b; ready a* b* c");
}

#[test]
fn messages_come_in_the_order_of_their_arrival() {
    check("enqueue a b c; consume x", "deliver x a; deliver x b; deliver x c; unacked a b c");
    check("consume x; enqueue a b", "deliver x a; deliver x b; unacked a b");
}

/// (95)
#[test]
fn a_consumer_at_its_prefetch_gets_the_next_after_an_ack() {
    check(
        "consume x prefetch=1; enqueue a b c; ack x a",
        "deliver x a; deliver x b; ready c; unacked b",
    );
}

#[test]
fn a_raised_prefetch_brings_more_and_a_lowered_one_recalls_nothing() {
    check(
        "consume x prefetch=1; enqueue a b c d; prefetch x 3; prefetch x 1; ack x a b",
        "deliver x a; deliver x b; deliver x c; ready d; unacked c",
    );
    check(
        "consume x; prefetch x 1; enqueue a b; prefetch x 0",
        "deliver x a; deliver x b; unacked a b",
    );
}

#[test]
fn consumers_take_turns() {
    check(
        "consume x; consume y; enqueue a b c; cancel y; enqueue d",
        "deliver x a; deliver y b; deliver x c; deliver x d; unacked a b c d",
    );
}

#[test]
fn a_consumer_that_was_full_goes_to_the_end_of_the_line() {
    check(
        "consume x prefetch=1; consume y prefetch=2; enqueue a b; ack x a; enqueue c d",
        "deliver x a; deliver y b; deliver y c; deliver x d; unacked b c d",
    );
}

/// (69)
#[test]
fn the_highest_priority_is_served_until_it_is_full() {
    check(
        "consume x; consume y priority=5 prefetch=2; consume z priority=-1; enqueue a b c d; \
         cancel x; enqueue e",
        "deliver y a; deliver y b; deliver x c; deliver x d; deliver z e; unacked a b c d e",
    );
}

/// (97)
#[test]
fn a_requeued_message_regains_its_place_and_is_marked() {
    check(
        "consume x prefetch=3; enqueue a b c d; cancel x; requeue x b; requeue x a",
        "deliver x a; deliver x b; deliver x c; ready a* b* d; unacked c",
    );
}

#[test]
fn a_requeued_message_goes_straight_to_whoever_has_credit() {
    check("consume x prefetch=1; enqueue a; requeue x a", "deliver x a; deliver x a*; unacked a");
}

#[test]
fn only_the_link_that_has_a_delivery_can_settle_it() {
    check("consume x; enqueue a; ack y a; ack x a; ack x a", "deliver x a; count 0; count 0");
}

/// (93)
#[test]
fn what_a_cancelled_consumer_holds_can_still_be_settled() {
    check(
        "consume x prefetch=2; enqueue a b c; cancel x; ack x a; reject x b",
        "deliver x a; deliver x b; ready c",
    );
    check(
        "consume x prefetch=1; enqueue a b; cancel x; consume x prefetch=1; requeue x a; ack x b",
        "deliver x a; deliver x b; deliver x a*; unacked a",
    );
}

#[test]
fn a_consumer_that_does_not_acknowledge_has_nothing_to_settle_or_to_lose() {
    check("consume x auto; enqueue a b; ack x a; lose x", "deliver x a; deliver x b; count 0");
}

#[test]
fn a_consumer_that_does_not_write_leaves_the_rest_in_the_queue() {
    let credit = super::super::consumers::AUTOMATIC_CREDIT_MESSAGES;
    let fill: Vec<String> = (0..credit).map(|number| format!("f{number}")).collect();
    let filled: Vec<String> = fill.iter().map(|name| format!("deliver x {name}; ")).collect();
    check(
        &format!("consume x auto; enqueue {} a b c; written x 2", fill.join(" ")),
        &format!("{}deliver x a; deliver x b; ready c", filled.concat()),
    );
}

#[test]
fn a_consumer_without_a_prefetch_has_so_many_deliveries_on_their_way() {
    let credit = super::super::consumers::AUTOMATIC_CREDIT_MESSAGES;
    let fill: Vec<String> = (0..credit).map(|number| format!("f{number}")).collect();
    let filled: Vec<String> = fill.iter().map(|name| format!("deliver x {name}; ")).collect();
    check(
        &format!("consume x; enqueue {} a b c; ack x f0; written x 2", fill.join(" ")),
        &format!(
            "{}deliver x a; deliver x b; ready c; unacked {} a b",
            filled.concat(),
            fill[1..].join(" ")
        ),
    );
}

/// (100)
#[test]
fn a_get_takes_the_head() {
    check("get l; enqueue a b c; get l; get l auto; ack l a b", "got a; got b; count 1; ready c");
    check("enqueue a; get l; lose l; get m", "got a; got a*; unacked a");
}

/// (53)
#[test]
fn a_purge_drops_what_is_ready_and_nothing_else() {
    check("queue dlx; consume x prefetch=1; enqueue a b c; purge; ack x a", "deliver x a; count 2");
}

/// (52, 70)
#[test]
fn a_deletion_tells_the_consumers_and_leaves_nothing() {
    check(
        "queue dlx; consume y prefetch=1; consume x prefetch=1; enqueue a b c; delete; ack x a; \
         enqueue d",
        "deliver y a; deliver x b; count 1; cancelled y; cancelled x",
    );
}

/// (51)
#[test]
fn an_auto_delete_queue_ends_with_its_last_consumer_and_not_before_the_first() {
    check("queue auto-delete; enqueue a; get l; lose l", "got a; ready a*");
    check("queue auto-delete; consume x; consume y; cancel x; lose y", "ended");
    check("queue auto-delete dlx; consume x; enqueue a; lose x", "deliver x a; ended");
    check("queue auto-delete; consume x; cancel y; enqueue a", "deliver x a; unacked a");
}

/// (101)
#[test]
fn an_exclusive_consumer_is_alone() {
    check("consume x exclusive; consume y; cancel x; consume y", "refused y");
    check("consume x; consume y exclusive", "refused y");
    check(
        "consume x exclusive; enqueue a; cancel x; consume y exclusive",
        "deliver x a; unacked a",
    );
}

/// (68)
#[test]
fn a_single_active_consumer_is_followed_by_priority_and_then_by_arrival() {
    check(
        "queue single-active; consume w prefetch=1; consume x; consume y priority=1; \
         consume z priority=1; \
         enqueue a b; cancel w; enqueue c; lose y; enqueue d",
        "deliver w a; deliver y b; deliver y c; deliver z b*; deliver z c*; deliver z d; \
         unacked a b c d",
    );
    check("queue single-active; consume x exclusive", "refused x");
}

#[test]
fn the_single_active_consumer_is_not_preempted_and_the_others_wait_even_if_it_is_full() {
    check(
        "queue single-active; consume x prefetch=1; consume y priority=9; enqueue a b; ack x a",
        "deliver x a; deliver x b; unacked b",
    );
}

/// (56)
#[test]
fn messages_expire_at_the_head_only() {
    check("queue dlx ttl=10; enqueue a b; wait 10", "dead a expired; dead b expired");
    check("queue dlx; enqueue a b~10; wait 20", "ready a b");
    check("queue dlx; enqueue a b~10; wait 20; get l auto", "got a; dead b expired");
    check(
        "queue dlx; enqueue a b~10 c; wait 20; get l auto; consume x",
        "got a; dead b expired; deliver x c; unacked c",
    );
}

#[test]
fn the_lower_time_to_live_wins() {
    check("queue dlx ttl=10; enqueue a~5 b~50; wait 5; wait 5", "dead a expired; dead b expired");
    check("queue dlx ttl=10; enqueue a~50; wait 9", "ready a");
}

#[test]
fn the_time_of_expiry_survives_a_return() {
    check("queue dlx ttl=10; consume x; enqueue a; wait 20; lose x", "deliver x a; dead a expired");
    check(
        "queue dlx ttl=10; get l; enqueue a; get l; wait 5; lose l; wait 5",
        "got a; dead a expired",
    );
}

/// (58)
#[test]
fn with_no_time_to_live_a_message_is_delivered_at_once_or_never() {
    check("queue dlx ttl=0; consume x; enqueue a", "deliver x a; unacked a");
    check("queue dlx ttl=0; enqueue a", "dead a expired");
    check(
        "queue dlx; consume x prefetch=1; enqueue a b~0",
        "deliver x a; dead b expired; unacked a",
    );
}

#[test]
fn without_a_dead_letter_exchange_the_dead_are_dropped() {
    check(
        "queue ttl=10 max-length=1; enqueue a b; wait 10; consume x; enqueue c; reject x c",
        "deliver x c",
    );
}

/// (55)
#[test]
fn an_unused_queue_ends_with_its_lease() {
    check("queue expires=10; wait 9; enqueue a; wait 1", "ended");
    check("queue expires=10 dlx; wait 9; touch; wait 9; get l; wait 9", "");
    check("queue expires=10; wait 9; touch; wait 9; get l; wait 10", "ended");
    check("queue expires=10; consume x; wait 50; cancel x; wait 9", "");
    check("queue expires=10; consume x; wait 50; cancel x; wait 10", "ended");
}

/// (59)
#[test]
fn a_full_queue_drops_its_oldest() {
    check("queue dlx max-length=2; enqueue a b c", "dead a maxlen; ready b c");
    check("queue dlx max-bytes=5; enqueue a:2 b:2 c:4", "dead a maxlen; dead b maxlen; ready c");
    check("queue dlx max-bytes=5; enqueue a:6", "dead a maxlen");
    check("queue max-length=0; enqueue a; consume x; enqueue b", "deliver x b; unacked b");
}

#[test]
fn only_ready_messages_count_towards_the_maximum() {
    check(
        "queue dlx max-length=1; consume x prefetch=2; enqueue a b c d",
        "deliver x a; deliver x b; dead c maxlen; ready d; unacked a b",
    );
}

#[test]
fn a_return_beyond_the_maximum_pushes_out_the_oldest() {
    check(
        "queue dlx max-length=1; consume x prefetch=1; enqueue a b; cancel x; requeue x a",
        "deliver x a; dead a maxlen; ready b",
    );
}

#[test]
fn a_queue_that_turns_messages_down_keeps_what_comes_back() {
    check(
        "queue dlx max-length=1 overflow=reject-publish; enqueue a; get l; enqueue b; \
         requeue l a; enqueue c",
        "got a; turned down; ready a* b",
    );
}

#[test]
fn a_lowered_maximum_takes_effect_at_once() {
    check("enqueue a b c; limit max-length=1 dlx", "dead a maxlen; dead b maxlen; ready c");
}

/// (60)
#[test]
fn a_full_queue_may_turn_messages_down() {
    check(
        "queue dlx max-length=1 overflow=reject-publish; enqueue a b; get l auto; enqueue c",
        "turned down; got a; ready c",
    );
    check("queue max-length=0 overflow=reject-publish; consume x; enqueue a", "turned down");
}

/// (61)
#[test]
fn what_is_turned_down_may_be_dead_lettered() {
    check(
        "queue dlx max-length=1 overflow=reject-publish-dlx; enqueue a b",
        "dead b maxlen; turned down; ready a",
    );
}

/// (65)
#[test]
fn the_highest_priority_goes_first() {
    check("queue priorities=5; enqueue a b/3 c/9 d/5 e/3 f/0", "ready c d b e a f");
    check("enqueue a b/3", "ready a b");
    check(
        "queue priorities=5; enqueue a b/3 c; get l; get l; requeue l b; enqueue d/3; requeue l a",
        "got b; got a; ready b* d a* c",
    );
}

#[test]
fn a_full_priority_queue_drops_the_oldest_of_the_highest_priority() {
    check("queue dlx priorities=5 max-length=2; enqueue a b/3 c/3", "dead b maxlen; ready c a");
}

#[test]
fn lower_priorities_expire_only_once_they_are_at_the_head() {
    check("queue dlx priorities=5; enqueue a~5 b/3; wait 9; get l auto", "got b; dead a expired");
}

/// (71, 78)
#[test]
fn rejected_messages_die_in_the_given_order() {
    check(
        "queue dlx; consume x; enqueue a b c; reject x a b; reject x c",
        "deliver x a; deliver x b; deliver x c; dead a rejected; dead b rejected; dead c rejected",
    );
}

/// (67)
#[test]
fn a_message_that_returns_too_often_dies() {
    check(
        "queue dlx delivery-limit=1; consume x; enqueue a; requeue x a; requeue x a",
        "deliver x a; deliver x a*; dead a delivery_limit",
    );
}
