<?php
// A PHP back end with php-amqplib: declares, publishes with confirms, consumes, acknowledges.

require __DIR__ . '/connection.php';

use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

function equal(mixed $found, mixed $wanted, string $what): void
{
    if ($found !== $wanted) {
        $text = json_encode([$found, $wanted]);
        fwrite(STDERR, "does not hold: $what; found and wanted: $text\n");
        exit(1);
    }
}

$name = 'php-' . bin2hex(random_bytes(6));
$connection = connection();
$channel = $connection->channel();
$limit = new AMQPTable(['x-max-length' => 1000]);
$channel->queue_declare($name, false, true, false, false, false, $limit);
$channel->exchange_declare("$name.x", 'headers', false, false, true);
$orders = new AMQPTable(['x-match' => 'all', 'kind' => 'order']);
$channel->queue_bind($name, "$name.x", '', false, $orders);

$confirmed = 0;
$returned = [];
$channel->set_ack_handler(function () use (&$confirmed) {
    $confirmed++;
});
$channel->set_return_listener(function ($code, $text) use (&$returned) {
    $returned[] = [$code, $text];
});
$channel->confirm_select();
for ($number = 0; $number < 100; $number++) {
    $nested = ['a' => [1, true, null]];
    $headers = new AMQPTable(['kind' => 'order', 'number' => $number, 'nested' => $nested]);
    $message = new AMQPMessage(json_encode(['number' => $number]), [
        'content_type' => 'application/json',
        'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT,
        'application_headers' => $headers,
        'message_id' => "m-$number",
    ]);
    $channel->basic_publish($message, "$name.x", 'ignored', true);
}
$channel->wait_for_pending_acks_returns(20);
equal($confirmed, 100, 'every publish is confirmed');
equal($returned, [], 'routed messages do not come back');

$other = new AMQPMessage('nobody', ['application_headers' => new AMQPTable(['kind' => 'other'])]);
$channel->basic_publish($other, "$name.x", '', true);
$channel->wait_for_pending_acks_returns(20);
equal($returned, [[312, 'NO_ROUTE']], 'an unrouted mandatory message comes back');

$worker = connection();
$work = $worker->channel();
$work->basic_qos(null, 10, null);
$numbers = [];
$take = function (AMQPMessage $message) use (&$numbers) {
    $table = $message->get('application_headers')->getNativeData();
    equal($table['nested'], ['a' => [1, true, null]], 'a nested header table survives');
    $number = json_decode($message->body, true)['number'];
    equal($table['number'], $number, 'headers belong to their body');
    if ($number === 50 && !$message->isRedelivered()) {
        $message->nack(true);
        return;
    }
    $numbers[] = $number;
    $message->ack();
};
$work->basic_consume($name, 'worker', false, false, false, false, $take);
while (count($numbers) < 100) {
    $work->wait(null, false, 20);
}
sort($numbers);
equal($numbers, range(0, 99), 'each message is worked on once');
$work->basic_cancel('worker');
$worker->close();

[, $left] = $channel->queue_declare($name, true);
equal($left, 0, 'nothing is left after all acks');
$large = random_bytes(1 << 20);
$channel->basic_publish(new AMQPMessage($large), '', $name);
$channel->wait_for_pending_acks_returns(20);
equal($channel->basic_get($name, true)->body === $large, true, 'a mebibyte of any bytes survives');
$channel->queue_delete($name);
$channel->close();
$connection->close();
echo "holds: a PHP back end works with its own library\n";
