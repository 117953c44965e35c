// Answers every HTTP request with an acceptance once it was read whole and a time has passed; that time is all it waits for.
//
//   late-answer PORT MILLISECONDS
//
// One thread, epoll; requests have a Content-Length, come one at a time on a connection, and all wait equally long.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, HEAD = 16384 };

static struct {
  char head[HEAD];
  int kept;          // bytes of the head so far
  long body;         // bytes of the body that are to come; -1 while the head is read
} connections[CONNECTIONS];

// A ring: who waits longest is answered first. A connection has one request at a time.
static struct { int connection; long due; } waiting[CONNECTIONS];
static unsigned first, last;

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

static void begin(int connection) {
  connections[connection].kept = 0;
  connections[connection].body = -1;
}

// Whether the request is there as a whole.
static int take(int connection, const char *bytes, long count) {
  if (connections[connection].body < 0) {
    char *head = connections[connection].head;
    long room = HEAD - 1 - connections[connection].kept, part = count < room ? count : room;
    memcpy(head + connections[connection].kept, bytes, part);
    connections[connection].kept += part;
    head[connections[connection].kept] = 0;
    char *end = strstr(head, "\r\n\r\n");
    if (!end) return 0;
    *end = 0;
    char *length = strcasestr(head, "\r\ncontent-length:");
    long after = connections[connection].kept - (end + 4 - head) + (count - part);
    connections[connection].body = (length ? atol(length + 17) : 0) - after;
  } else {
    connections[connection].body -= count;
  }
  return connections[connection].body <= 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  long delay = atol(argv[2]) * 1000;
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"status\": \"accepted\"}";
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return perror("listen"), 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  static char bytes[1 << 18];
  for (;;) {
    long left = first == last ? -1 : waiting[first % CONNECTIONS].due - now();
    int count = epoll_wait(poll, events, 256, first == last ? -1 : left > 0 ? (int)((left + 999) / 1000) : 0);
    for (int i = 0; i < count; i++) {
      int connection = events[i].data.fd;
      if (connection == listener) {
        while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          if (connection >= CONNECTIONS) return fprintf(stderr, "too many connections\n"), 1;
          setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
          begin(connection);
          event.data.fd = connection;
          epoll_ctl(poll, EPOLL_CTL_ADD, connection, &event);
        }
        continue;
      }
      long got = read(connection, bytes, sizeof bytes);
      if (got <= 0) {
        // One that goes while it waits leaves its place in the ring, where nobody is answered.
        for (unsigned place = first; place != last; place++)
          if (waiting[place % CONNECTIONS].connection == connection) waiting[place % CONNECTIONS].connection = -1;
        close(connection);
      } else if (take(connection, bytes, got)) {
        waiting[last % CONNECTIONS].connection = connection;
        waiting[last++ % CONNECTIONS].due = now() + delay;
        begin(connection);
      }
    }
    for (long moment = now(); first != last && waiting[first % CONNECTIONS].due <= moment; first++) {
      int connection = waiting[first % CONNECTIONS].connection;
      if (connection >= 0 && write(connection, answer, sizeof answer - 1) < 0) perror("answer");
    }
  }
}
