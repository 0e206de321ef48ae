<?php
// Publishes messages and stays until the broker has them: confirms, and reconnects in between.

declare(strict_types=1);

namespace Hopwire;

use InvalidArgumentException;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AbstractConnection;
use PhpAmqpLib\Connection\AMQPConnectionConfig;
use PhpAmqpLib\Connection\AMQPConnectionFactory;
use PhpAmqpLib\Exception\AMQPConnectionBlockedException;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPDataReadException;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Exception\AMQPIOException;
use PhpAmqpLib\Exception\AMQPIOWaitException;
use PhpAmqpLib\Exception\AMQPNoDataException;
use PhpAmqpLib\Exception\AMQPRuntimeException;
use PhpAmqpLib\Exception\AMQPSocketException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Exchange\AMQPExchangeType;
use RuntimeException;

/** A publisher with one connection, made when it is needed and again when it is lost. */
final class Publisher
{
    /** AMQP reply codes that close a connection for good: access refused, not allowed. */
    private const FINAL_CODES = [403, 530];

    private ?AbstractConnection $connection = null;
    private ?AMQPChannel $channel = null;
    /** @var array<string, true> exchanges declared on this connection */
    private array $declared = [];
    private bool $isRejected = false;

    /**
     * @param string $url amqp://user:password@host:port/vhost, or amqps://
     * @param int $attemptsMax connections tried for one message before giving up
     * @param int $firstWaitMs before the second attempt; doubles with each further one
     * @param int $longestWaitMs the doubling's limit
     * @param float $timeoutSeconds for connecting, and for a confirm
     */
    public function __construct(
        private readonly string $url,
        private readonly int $attemptsMax = 6,
        private readonly int $firstWaitMs = 200,
        private readonly int $longestWaitMs = 5000,
        private readonly float $timeoutSeconds = 5.0,
    ) {
    }

    /** The publisher that HOPWIRE_AMQP names; a broker on this machine if it is not set. */
    public static function fromEnvironment(): self
    {
        return new self(getenv('HOPWIRE_AMQP') ?: 'amqp://guest:guest@127.0.0.1:5672/');
    }

    /**
     * Publishes, and returns when the broker has confirmed. Over a lost connection the message is
     * published again with the same id: readers may see it twice, but never miss it.
     *
     * @return string the message's id
     * @throws RuntimeException if the broker refused it, or could not be reached
     */
    public function publish(Envelope $envelope, ?string $userId = null): string
    {
        for ($attempt = 1;; $attempt++) {
            try {
                $this->publishOnce($envelope, $userId);
                return $envelope->id;
            } catch (AMQPExceptionInterface $error) {
                $this->forget();
                if (!self::isPassing($error)) {
                    // No right, a wrong user_id, a refused login: asking again would not help.
                    throw new RuntimeException('refused: ' . $error->getMessage(), 0, $error);
                }
                if ($attempt >= $this->attemptsMax) {
                    $text = "gave up after $attempt attempts: ";
                    throw new RuntimeException($text . $error->getMessage(), 0, $error);
                }
                $this->wait($attempt);
            }
        }
    }

    /** Says goodbye to the broker. The publisher may be used again. */
    public function close(): void
    {
        try {
            $this->connection?->close();
        } catch (AMQPExceptionInterface) {
            // It was gone already; everything published had been confirmed.
        }
        $this->connection = null;
        $this->channel = null;
        $this->declared = [];
    }

    private function publishOnce(Envelope $envelope, ?string $userId): void
    {
        $channel = $this->channel();
        if (!isset($this->declared[$envelope->exchange])) {
            $channel->exchange_declare(
                $envelope->exchange,
                AMQPExchangeType::TOPIC,
                passive: false,
                durable: true,
                auto_delete: false,
            );
            $this->declared[$envelope->exchange] = true;
        }
        $this->isRejected = false;
        $channel->basic_publish($envelope->message($userId), $envelope->exchange, $envelope->key);
        $channel->wait_for_pending_acks($this->timeoutSeconds);
        if ($this->isRejected) {
            throw new AMQPRuntimeException('the broker could not take the message');
        }
    }

    private function channel(): AMQPChannel
    {
        if ($this->channel === null) {
            $this->connection = AMQPConnectionFactory::create($this->config());
            $this->channel = $this->connection->channel();
            $this->channel->confirm_select();
            $this->channel->set_nack_handler(function (): void {
                $this->isRejected = true;
            });
        }
        return $this->channel;
    }

    private function config(): AMQPConnectionConfig
    {
        $parts = parse_url($this->url);
        $scheme = is_array($parts) ? $parts['scheme'] ?? '' : '';
        if (!is_array($parts) || !in_array($scheme, ['amqp', 'amqps'], true)) {
            throw new InvalidArgumentException('not an amqp:// URL: ' . $this->url);
        }
        $isSecure = $scheme === 'amqps';
        $config = new AMQPConnectionConfig();
        $config->setHost($parts['host'] ?? '127.0.0.1');
        $config->setPort($parts['port'] ?? ($isSecure ? 5671 : 5672));
        $config->setUser(rawurldecode($parts['user'] ?? 'guest'));
        $config->setPassword(rawurldecode($parts['pass'] ?? 'guest'));
        $vhost = rawurldecode(ltrim($parts['path'] ?? '', '/'));
        $config->setVhost($vhost === '' ? '/' : $vhost);
        $config->setIsSecure($isSecure);
        $config->setConnectionTimeout($this->timeoutSeconds);
        $config->setReadTimeout($this->timeoutSeconds);
        $config->setWriteTimeout($this->timeoutSeconds);
        $config->setKeepalive(true);
        $config->setConnectionName('hopwire-php-examples');
        return $config;
    }

    /** Whether the broker is away or busy, rather than against it. */
    private static function isPassing(AMQPExceptionInterface $error): bool
    {
        return match (true) {
            $error instanceof AMQPConnectionClosedException =>
                !in_array($error->getCode(), self::FINAL_CODES, true),
            $error instanceof AMQPConnectionBlockedException,
            $error instanceof AMQPDataReadException,
            $error instanceof AMQPIOException,
            $error instanceof AMQPIOWaitException,
            $error instanceof AMQPNoDataException,
            $error instanceof AMQPSocketException,
            $error instanceof AMQPTimeoutException => true,
            default => false,
        };
    }

    /** Drops a connection that is broken or in doubt, without a word to the other side. */
    private function forget(): void
    {
        try {
            $this->connection?->set_close_on_destruct(false);
            $this->connection?->getIO()?->close();
        } catch (AMQPExceptionInterface) {
            // Closing a closed socket.
        }
        $this->connection = null;
        $this->channel = null;
        $this->declared = [];
    }

    /** Exponential back-off; up to 30 % is taken off by chance, so that workers spread out. */
    private function wait(int $attempt): void
    {
        $nominalMs = min($this->firstWaitMs * 2 ** ($attempt - 1), $this->longestWaitMs);
        usleep((int) ($nominalMs * 1000 * random_int(700, 1000) / 1000));
    }
}
