<?php
// php-amqplib, as Debian installs it, connected to the broker under test.

require_once '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;

/** The connection that a PHP back end opens, with the library's own defaults. */
function connection(): AMQPStreamConnection
{
    $url = parse_url(getenv('AMQP_URL'));
    return new AMQPStreamConnection($url['host'], $url['port'], $url['user'], $url['pass']);
}
