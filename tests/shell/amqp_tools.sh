#!/bin/sh
# A C client on the command line: Debian's amqp-tools, on rabbitmq-c.
set -eu

queue="shell-$$-$(date +%s)"
fail() {
    echo "does not hold: $1" >&2
    exit 1
}

amqp-declare-queue --url="$AMQP_URL" --queue="$queue" --durable >/dev/null
trap 'amqp-delete-queue --url="$AMQP_URL" --queue="$queue" >/dev/null' EXIT
for body in one two three; do
    amqp-publish --url="$AMQP_URL" --routing-key="$queue" --persistent --body="$body"
done
[ "$(amqp-get --url="$AMQP_URL" --queue="$queue")" = one ] || fail "the first is got first"
[ "$(amqp-consume --url="$AMQP_URL" --queue="$queue" --count=2 cat)" = twothree ] ||
    fail "the others are consumed in order"
status=0
amqp-get --url="$AMQP_URL" --queue="$queue" || status=$?
[ "$status" = 2 ] || fail "an empty queue gives nothing, but status $status"
echo "holds: amqp-tools declare, publish, get and consume"
