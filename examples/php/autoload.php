<?php
// Finds php-amqplib (Composer's copy first, then the one on the include path, such as Debian's
// package php-amqplib) and our own classes in src/.

declare(strict_types=1);

if (is_file(__DIR__ . '/vendor/autoload.php')) {
    require_once __DIR__ . '/vendor/autoload.php';
} elseif (stream_resolve_include_path('PhpAmqpLib/autoload.php') !== false) {
    require_once 'PhpAmqpLib/autoload.php';
} else {
    fwrite(STDERR, "php-amqplib is missing: run 'composer install' here, "
        . "or 'apt-get install php-amqplib'\n");
    exit(1);
}

spl_autoload_register(static function (string $class): void {
    $prefix = 'Hopwire\\';
    if (str_starts_with($class, $prefix)) {
        $file = __DIR__ . '/src/' . substr($class, strlen($prefix)) . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
