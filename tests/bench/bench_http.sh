#!/bin/sh
# bench_http.sh BUILD - requests a second of common/http_server answering 204, beside nginx answering a fixed
# body, on one core each over loopback: A B A B, so that a busy neighbour hits both. About ten seconds.
# Needs wrk and nginx. SECONDS_EACH changes the length of a run.
set -eu
build=${1:?usage: bench_http.sh BUILD}
seconds=${SECONDS_EACH:-2}
for tool in wrk nginx; do
    command -v $tool >/dev/null || { echo "bench_http: $tool is missing" >&2; exit 77; }
done

dir=$(mktemp -d)
nginx_pid= ours_pid=
finish() {
    [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true
    [ -z "$ours_pid" ] || kill "$ours_pid" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

cat >"$dir/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 512; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    server { listen 127.0.0.1:8691; location / { return 200 "yes"; } }
}
CONF
nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" & nginx_pid=$!
"$build/tests/bench/bench_http" 127.0.0.1:8692 & ours_pid=$!
sleep 0.5

# requests/s and p99 in microseconds
measure() {
    wrk -t1 -c32 -d"${seconds}s" --latency "http://127.0.0.1:$1/v1/gate?user=alice" | awk '
        $1 == "99%" { p99 = $2 + 0; if ($2 ~ /ms/) p99 *= 1000; else if ($2 !~ /us/) p99 *= 1000000 }
        /^Requests\/sec/ { rate = $2 }
        /Non-2xx|Socket errors/ { bad = 1 }
        END { if (bad || !rate) exit 1; print rate, p99 }'
}
: >"$dir/nginx"; : >"$dir/ours"
for round in 1 2; do
    measure 8691 >>"$dir/nginx"
    measure 8692 >>"$dir/ours"
done
mean() { awk '{ rate += $1; if ($2 > p99) p99 = $2 } END { printf "%.0f %.0f", rate / NR, p99 }' "$1"; }
set -- $(mean "$dir/nginx") $(mean "$dir/ours")
echo "nginx, fixed body:   $1 requests/s, p99 $2 us"
echo "http_server, 204:    $3 requests/s, p99 $4 us"
awk -v ours="$3" -v nginx="$1" 'BEGIN { printf "ratio:               %.2f (goal 0.9)\n", ours / nginx }'
