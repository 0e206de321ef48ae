<?php
// Publishes to users by routing key, then to all:
// php users_publish.php <exchange> <user_id> <messages per user> <user>...

require __DIR__ . '/connection.php';

use PhpAmqpLib\Message\AMQPMessage;

[, $exchange, $userId, $count] = $argv;
$users = array_slice($argv, 4);
$connection = connection();
$channel = $connection->channel();

$message = fn(array $body) => new AMQPMessage(json_encode($body), [
    'content_type' => 'application/json',
    'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT,
    'user_id' => $userId,
    'timestamp' => time(),
]);
for ($number = 0; $number < (int) $count; $number++) {
    foreach ($users as $user) {
        $body = ['user' => $user, 'number' => $number];
        $channel->basic_publish($message($body), $exchange, "user.$user");
    }
}
$channel->basic_publish($message(['to' => 'all']), $exchange, 'broadcast');
$channel->close();
$connection->close();
