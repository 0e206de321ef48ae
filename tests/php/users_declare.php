<?php
// Declares the durable topic exchange of a back end: php users_declare.php <exchange>

require __DIR__ . '/connection.php';

$connection = connection();
$channel = $connection->channel();
$channel->exchange_declare($argv[1], 'topic', false, true, false);
$channel->close();
$connection->close();
