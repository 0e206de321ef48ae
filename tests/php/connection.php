<?php
// php-amqplib, as Debian installs it, connected to the broker under test.

require_once '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPSSLConnection;
use PhpAmqpLib\Connection\AMQPStreamConnection;

/** The connection that a PHP back end opens, with the library's own defaults. */
function connection(): AMQPStreamConnection
{
    $url = parse_url(getenv('AMQP_URL'));
    if ($url['scheme'] === 'amqps') {
        $tls = ['cafile' => getenv('SSL_CERT_FILE'), 'verify_peer' => true];
        $place = [$url['host'], $url['port'], $url['user'], $url['pass'], '/'];
        return new AMQPSSLConnection(...$place, ssl_options: $tls);
    }
    return new AMQPStreamConnection($url['host'], $url['port'], $url['user'], $url['pass']);
}
