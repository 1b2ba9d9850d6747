/*
 * How fast a native program can read memory, in several ways: what no engine that reads all its weights for every token can pass.
 * Linux on x64 with AVX-512:
 *
 *     cc -O2 -march=native -pthread read-memory.c -o read-memory && ./read-memory [2 for pages of 2 MiB]
 *
 * GB/s of two threads, each with half of 3 GiB, way by way, four times in turns.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { threads = 2, turns = 4, page = 4096 };
static const size_t size = (size_t)3 << 30;
static uint8_t *memory;
static volatile long sum; /* so that nothing is left out */
static pthread_barrier_t barrier;

static inline __m512i read256(__m512i a, const uint8_t *at) {
  for (int line = 0; line < 256; line += 64) a = _mm512_xor_si512(a, _mm512_load_si512(at + line));
  return a;
}

static inline void end(__m512i a) { sum = _mm512_reduce_add_epi64(a); }

__attribute__((noinline)) static void plain512(const uint8_t *at, size_t bytes) {
  __m512i a = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += 256) a = read256(a, at + i);
  end(a);
}

__attribute__((noinline)) static void plain256(const uint8_t *at, size_t bytes) {
  __m256i a = _mm256_setzero_si256(), b = a;
  for (size_t i = 0; i < bytes; i += 64) {
    a = _mm256_xor_si256(a, _mm256_load_si256((const __m256i *)(at + i)));
    b = _mm256_xor_si256(b, _mm256_load_si256((const __m256i *)(at + i + 32)));
  }
  sum = _mm256_extract_epi64(_mm256_xor_si256(a, b), 0);
}

/* As Skein's kernels of one row do it. */
__attribute__((noinline)) static void touched(const uint8_t *at, size_t bytes) {
  __m512i a = _mm512_setzero_si512();
  uint8_t ahead = 0;
  for (size_t start = 0; start < bytes; start += page) {
    if (start + 2 * page < bytes) ahead += *(const volatile uint8_t *)(at + start + 2 * page);
    for (size_t i = start; i < start + page; i += 256) a = read256(a, at + i);
  }
  end(a);
  sum += ahead;
}

#define ASKED(name, distance, hint)                                                               \
  __attribute__((noinline)) static void name(const uint8_t *at, size_t bytes) {                   \
    __m512i a = _mm512_setzero_si512();                                                           \
    for (size_t i = 0; i < bytes; i += 256) {                                                     \
      for (int line = 0; line < 256; line += 64) _mm_prefetch((const char *)at + i + (distance) + line, hint); \
      a = read256(a, at + i);                                                                     \
    }                                                                                             \
    end(a);                                                                                       \
  }
ASKED(asked2K, 2048, _MM_HINT_T0)
ASKED(asked8K, 8192, _MM_HINT_T0)
ASKED(asked4KOnce, 4096, _MM_HINT_NTA)

#define STREAMS(name, count)                                                                      \
  __attribute__((noinline)) static void name(const uint8_t *at, size_t bytes) {                   \
    __m512i a = _mm512_setzero_si512();                                                           \
    for (size_t i = 0; i < bytes / (count); i += 256)                                             \
      for (int stream = 0; stream < (count); stream++) a = read256(a, at + stream * (bytes / (count)) + i); \
    end(a);                                                                                       \
  }
STREAMS(streams2, 2)
STREAMS(streams4, 4)
STREAMS(streams8, 8)

typedef void (*Way)(const uint8_t *, size_t);
static const struct { const char *name; Way read; } ways[] = {
    {"512 bits", plain512},      {"256 bits", plain256},      {"touched", touched},       {"asked 2K", asked2K}, {"asked 8K", asked8K},
    {"asked 4K nta", asked4KOnce}, {"2 streams", streams2}, {"4 streams", streams4}, {"8 streams", streams8},
};

struct Part { Way read; const uint8_t *at; };

static void *run(void *given) {
  const struct Part *part = given;
  pthread_barrier_wait(&barrier);
  part->read(part->at, size / threads);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

static double measure(Way read) {
  pthread_t started[threads];
  struct Part parts[threads];
  for (int i = 0; i < threads; i++) {
    parts[i] = (struct Part){read, memory + i * (size / threads)};
    pthread_create(&started[i], NULL, run, &parts[i]);
  }
  pthread_barrier_wait(&barrier);
  const double began = seconds();
  pthread_barrier_wait(&barrier);
  const double taken = seconds() - began;
  for (int i = 0; i < threads; i++) pthread_join(started[i], NULL);
  return size / taken * 1e-9;
}

int main(int count, char **given) {
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return perror("3 GiB"), 1;
  if (count > 1 && atoi(given[1]) == 2) madvise(memory, size, MADV_HUGEPAGE);
  memset(memory, 1, size); /* pages that nobody wrote are one page of zeros */
  pthread_barrier_init(&barrier, NULL, threads + 1);
  for (int turn = 0; turn < turns; turn++) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) printf("%s %.1f  ", ways[i].name, measure(ways[i].read));
    printf("\n");
  }
}
