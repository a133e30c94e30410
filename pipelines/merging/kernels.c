/* Merges in one pass over memory. Every line rounds as the tensor operation that it stands for, so results are the same
 * to the bit; native.py checks that before these are used. Pointers are to n lanes, which do not overlap.
 *
 * A block of lanes is worked on at a time: its scratch stays in the first-level cache. The loops stand in functions of
 * their own, for only with `restrict` arguments does a compiler make one vector instruction of each line. Up to
 * UNROLLED experts a lane is finished before the next begins, with all its numbers in registers: that takes a third of
 * the time, and a loop for every number of experts, for the compiler must know it.
 * Compile with -ffp-contract=off: only what is written as fmaf is fused. */

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum { LANES = 512, BYTES = 4096, MOST = 32, UNROLLED = 8 };

/* From so many lanes on `planes` writes past the caches: else what is written is first read, a fifth of all that it moves.
 * What is shorter may be wanted again while it is still in a cache. */
int64_t stream_from = 1 << 20;

#define EACH(i, m) for (int64_t i = 0; i < (m); i++)
#define BLOCKS(start, m, n, size)                                                                                      \
    for (int64_t start = 0, m; start < (n) && (m = (n) - start < size ? (n) - start : size, 1); start += size)
#define LOOP static inline void __attribute__((always_inline))
#define EXPERTS(t, count) _Pragma("GCC unroll 8") for (int t = 0; t < (count); t++)

/* call(c) with c = count written out, so that each gets a loop of its own */
#define WITH_COUNT(count, call)                                                                                        \
    switch (count) {                                                                                                   \
        case 1: call(1); break;                                                                                        \
        case 2: call(2); break;                                                                                        \
        case 3: call(3); break;                                                                                        \
        case 4: call(4); break;                                                                                        \
        case 5: call(5); break;                                                                                        \
        case 6: call(6); break;                                                                                        \
        case 7: call(7); break;                                                                                        \
        default: call(8);                                                                                              \
    }

/* Ask for the next block of a stream: a processor follows one stream by itself, not K that take turns. */
LOOP fetch_next(const void *block, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)block + bytes + i, 0, 2);
}

/* Write a finished block past the caches, where the place lies as the instruction wants it. */
LOOP stream(float *live, const float *block, int64_t m) {
#if defined(__AVX512F__)
    if (((uintptr_t)live | (uintptr_t)(m * 4)) % 64 == 0) {
        for (int64_t i = 0; i < m; i += 16) _mm512_stream_ps(live + i, _mm512_loadu_ps(block + i));
        return;
    }
#elif defined(__SSE2__)
    if (((uintptr_t)live | (uintptr_t)(m * 4)) % 16 == 0) {
        for (int64_t i = 0; i < m; i += 4) _mm_stream_ps(live + i, _mm_loadu_ps(block + i));
        return;
    }
#endif
    memcpy(live, block, m * sizeof(float));
}

/* What was written past the caches is there for everybody. */
LOOP settle(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

LOOP add_scaled(float *restrict total, const float *restrict vector, float weight, int64_t m) {
    EACH(i, m) total[i] = fmaf(weight, vector[i], total[i]);
}

LOOP scale(float *restrict total, const float *restrict vector, float weight, int64_t m) {
    EACH(i, m) total[i] = vector[i] * weight;
}

LOOP add(float *restrict total, const float *restrict vector, int64_t m) { EACH(i, m) total[i] += vector[i]; }

LOOP trim(float *restrict voice, const float *restrict vector, float weight, float limit, int64_t m) {
    EACH(i, m) voice[i] = (fabsf(vector[i]) >= limit ? vector[i] : 0.0f) * weight;
}

LOOP signs(float *restrict sign, const float *restrict total, float tied, int64_t m) {
    const float zero_as = tied < 0.0f ? 1.0f : 0.0f;  /* what is taken from the +1 of a cancelled vote, halved */
    EACH(i, m) sign[i] = copysignf(1.0f, total[i] - (total[i] == 0.0f ? zero_as : 0.0f));
}

LOOP add_agreeing(float *restrict merged, float *restrict count, const float *restrict voice,
                  const float *restrict sign, int64_t m) {
    EACH(i, m) {
        const float size = voice[i] * sign[i], agrees = (float)(size > 0.0f);
        merged[i] += size * agrees;
        count[i] += agrees;
    }
}

LOOP divide(float *restrict merged, const float *restrict count, int64_t m) {
    EACH(i, m) merged[i] /= count[i] + (float)(count[i] == 0.0f);
}

LOOP add_signed(float *restrict live, const float *restrict base, const float *restrict merged,
                const float *restrict sign, float factor, int64_t m) {
    EACH(i, m) live[i] = fmaf(factor, merged[i] * sign[i], base[i]);
}

static inline int64_t count_signs(const float *restrict total, int64_t m) {
    int32_t balance = 0;
    EACH(i, m) balance += (total[i] > 0.0f) - (total[i] < 0.0f);
    return balance;
}

static inline int64_t count_tied(const float *restrict total, const float *restrict merged, int64_t m) {
    int32_t tied = 0;
    EACH(i, m) tied += (total[i] == 0.0f) & (merged[i] != 0.0f);
    return tied;
}

LOOP add_at_least(uint8_t *restrict votes, const uint8_t *restrict plane, uint8_t level, int64_t m) {
    EACH(i, m) votes[i] = (uint8_t)(votes[i] + (plane[i] >= level ? 1 : 0));
}

LOOP add_greater(int32_t *restrict votes, const float *restrict vector, const float *restrict merged, float weight,
                 float limit, int64_t m) {
    EACH(i, m) votes[i] += fabsf(vector[i] * weight) > fabsf(merged[i] - vector[i] * weight) * limit;
}

LOOP add_not_less(int32_t *restrict votes, const float *restrict vector, const float *restrict merged, float weight,
                  float limit, int64_t m) {
    EACH(i, m) votes[i] += fabsf(vector[i] * weight) >= fabsf(merged[i] - vector[i] * weight) * limit;
}

LOOP narrow(uint8_t *restrict out, const int32_t *restrict votes, int64_t m) { EACH(i, m) out[i] = (uint8_t)votes[i]; }

LOOP keep(float *restrict live, const float *restrict base, const float *restrict merged,
          const uint8_t *restrict votes, uint8_t needed, float factor, int64_t m) {
    EACH(i, m) {
        const float changed = base[i] + factor * merged[i];
        live[i] = votes[i] >= needed ? changed : base[i];
    }
}

/* What the experts of one block are: where their lanes begin, and their numbers. */
typedef struct {
    const float *vectors[UNROLLED], *base, *merged;
    float *live, weights[UNROLLED], limits[UNROLLED], factor;
    int64_t lanes;
} Block;

static inline Block block_of(const float *base, const float *merged, const float *const *vectors,
                             const float *weights, const float *limits, int count, float factor, float *live,
                             int64_t start, int64_t lanes) {
    Block b = {.base = base + start, .merged = merged ? merged + start : 0, .live = live + start, .factor = factor,
               .lanes = lanes};
    for (int t = 0; t < count; t++) {
        b.vectors[t] = vectors[t] + start;
        b.weights[t] = weights[t];
        b.limits[t] = limits[t];
        fetch_next(b.vectors[t], lanes * 4);
    }
    return b;
}

/* `linear` of a few experts; count is known when this is compiled */
LOOP linear_few(const Block b, const int count) {
    const float *restrict base = b.base;
    float *restrict live = b.live;
    EACH(i, b.lanes) {
        float total = base[i];
        EXPERTS(t, count) total = fmaf(b.weights[t], b.vectors[t][i], total);
        live[i] = total;
    }
}

/* `tall` of a few experts; count, is_given and is_equal are known when this is compiled */
LOOP tall_few(const Block b, const int count, const int is_given, const int is_equal, int needed) {
    const float *restrict base = b.base, *restrict merged = b.merged;
    float *restrict live = b.live;
    EACH(i, b.lanes) {
        float total = is_given ? merged[i] : b.vectors[0][i] * b.weights[0];
        if (!is_given) EXPERTS(t, count - 1) total = fmaf(b.weights[t + 1], b.vectors[t + 1][i], total);
        int32_t votes = 0;
        EXPERTS(t, count) {
            const float own = b.vectors[t][i] * b.weights[t], most = fabsf(total - own) * b.limits[t];
            votes += is_equal ? fabsf(own) >= most : fabsf(own) > most;
        }
        const float changed = base[i] + b.factor * total;
        live[i] = votes >= needed ? changed : base[i];
    }
}

/* `ties` of a few experts; count and is_mean are known when this is compiled. Gives the tied lanes that matter. */
static inline int64_t __attribute__((always_inline)) ties_few(const Block b, const int count, const int is_mean,
                                                              float tied, int64_t *balance) {
    const float *restrict base = b.base, zero_as = tied < 0.0f ? 1.0f : 0.0f;
    float *restrict live = b.live;
    int32_t decided = 0, positive = 0;
    EACH(i, b.lanes) {
        float voices[UNROLLED], total = 0.0f, merged = 0.0f, agreeing = 0.0f;
        EXPERTS(t, count) {
            const float entry = b.vectors[t][i];
            voices[t] = (fabsf(entry) >= b.limits[t] ? entry : 0.0f) * b.weights[t];
            total = t ? total + voices[t] : voices[t];
        }
        const float sign = copysignf(1.0f, total - (total == 0.0f ? zero_as : 0.0f));
        EXPERTS(t, count) {
            const float size = voices[t] * sign, agrees = size > 0.0f ? 1.0f : 0.0f;
            merged += size * agrees;
            agreeing += agrees;
        }
        positive += (total > 0.0f) - (total < 0.0f);
        decided += (total == 0.0f) & (merged != 0.0f);
        if (is_mean) merged /= agreeing == 0.0f ? 1.0f : agreeing;
        live[i] = fmaf(b.factor, merged * sign, base[i]);
    }
    *balance += positive;
    return decided;
}

/* The bits of a float16 where those of a float32 stand: the number times 2^-112, which its weight makes up for. */
static inline float __attribute__((always_inline)) half(uint16_t bits) {
    const uint32_t wide = ((uint32_t)(bits & 0x8000u) << 16) | ((uint32_t)(bits & 0x7fffu) << 13);
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

LOOP add_halves(float *restrict total, const uint16_t *restrict vector, float weight, int64_t m) {
    EACH(i, m) total[i] = fmaf(weight, half(vector[i]), total[i]);
}

/* `linear_halves` of a few experts; count is known when this is compiled */
LOOP halves_few(const float *restrict base, const uint16_t *const *vectors, const float *weights, const int count,
                float *restrict live, int64_t start, int64_t m) {
    const uint16_t *own[UNROLLED];
    float weight[UNROLLED];
    EXPERTS(t, count) {
        own[t] = vectors[t] + start;
        weight[t] = weights[t];
        fetch_next(own[t], m * 2);
    }
    EACH(i, m) {
        float total = base[i];
        EXPERTS(t, count) total = fmaf(weight[t], half(own[t][i]), total);
        live[i] = total;
    }
}

/* live = base + the sum of weights[t] * vectors[t] of 16 bits; weights as HALF_BIAS in native.py makes them */
void linear_halves(const float *base, const uint16_t *const *vectors, const float *weights, int count, float *live,
                   int64_t n) {
    BLOCKS(start, m, n, LANES) {
        if (count <= UNROLLED) {
#define FEW(c) halves_few(base + start, vectors, weights, c, live + start, start, m)
            WITH_COUNT(count, FEW)
#undef FEW
        } else {
            memcpy(live + start, base + start, m * sizeof(float));
            for (int t = 0; t < count; t++) {
                fetch_next(vectors[t] + start, m * 2);
                add_halves(live + start, vectors[t] + start, weights[t], m);
            }
        }
    }
}

/* live = base + the sum of weights[t] * vectors[t] */
void linear(const float *base, const float *const *vectors, const float *weights, int count, float *live, int64_t n) {
    BLOCKS(start, m, n, LANES) {
        if (count <= UNROLLED) {
            const Block b = block_of(base, 0, vectors, weights, weights, count, 1.0f, live, start, m);
#define FEW(c) linear_few(b, c)
            WITH_COUNT(count, FEW)
#undef FEW
        } else {
            memcpy(live + start, base + start, m * sizeof(float));
            for (int t = 0; t < count; t++) {
                fetch_next(vectors[t] + start, m * 4);
                add_scaled(live + start, vectors[t] + start, weights[t], m);
            }
        }
    }
}

/* live = base + factor * TIES of weights[t] * vectors[t], entries of size below limits[t] dropped, mean or sum.
 * Where votes cancel the sign is `tied`; gives the number of lanes in which it decides something. Adds to `balance` how
 * many more sums of votes are positive than negative. */
int64_t ties(const float *base, const float *const *vectors, const float *weights, const float *limits, int count,
             int is_mean, float tied, float factor, float *live, int64_t *balance,
             int64_t n) {
    float voices[MOST][LANES], total[LANES], sign[LANES], merged[LANES], agreeing[LANES];
    int64_t decided = 0;
    if (count <= UNROLLED) {
        BLOCKS(start, m, n, LANES) {
            const Block b = block_of(base, 0, vectors, weights, limits, count, factor, live, start, m);
#define FEW(c) decided += is_mean ? ties_few(b, c, 1, tied, balance) : ties_few(b, c, 0, tied, balance)
            WITH_COUNT(count, FEW)
#undef FEW
        }
        return decided;
    }
    BLOCKS(start, m, n, LANES) {
        for (int t = 0; t < count; t++) {
            fetch_next(vectors[t] + start, m * 4);
            trim(voices[t], vectors[t] + start, weights[t], limits[t], m);
        }
        memcpy(total, voices[0], m * sizeof(float));
        for (int t = 1; t < count; t++) add(total, voices[t], m);
        *balance += count_signs(total, m);
        signs(sign, total, tied, m);
        memset(merged, 0, sizeof merged);
        memset(agreeing, 0, sizeof agreeing);
        for (int t = 0; t < count; t++) add_agreeing(merged, agreeing, voices[t], sign, m);
        decided += count_tied(total, merged, m);
        if (is_mean) divide(merged, agreeing, m);
        add_signed(live + start, base + start, merged, sign, factor, m);
    }
    return decided;
}

/* live = base + factor * merged where at least `needed` tasks have |own| > limits[t] * |merged - own| (or >=), elsewhere
 * base to the bit; own = weights[t] * vectors[t]. Without `merged` it is the sum of all own. */
void tall(const float *base, const float *merged, const float *const *vectors, const float *weights,
          const float *limits, int count, int is_equal, int needed, float factor, float *live, int64_t n) {
    float sum[LANES];
    int32_t total[LANES];
    uint8_t votes[LANES];
    if (count <= UNROLLED) {
        BLOCKS(start, m, n, LANES) {
            const Block b = block_of(base, merged, vectors, weights, limits, count, factor, live, start, m);
#define FEW(c)                                                                                                         \
    if (merged) is_equal ? tall_few(b, c, 1, 1, needed) : tall_few(b, c, 1, 0, needed);                                \
    else is_equal ? tall_few(b, c, 0, 1, needed) : tall_few(b, c, 0, 0, needed)
            WITH_COUNT(count, FEW)
#undef FEW
        }
        return;
    }
    BLOCKS(start, m, n, LANES) {
        const float *whole = merged ? merged + start : sum;
        for (int t = 0; t < count; t++) fetch_next(vectors[t] + start, m * 4);
        if (!merged) {
            scale(sum, vectors[0] + start, weights[0], m);
            for (int t = 1; t < count; t++) add_scaled(sum, vectors[t] + start, weights[t], m);
        }
        memset(total, 0, sizeof total);
        for (int t = 0; t < count; t++) {
            if (is_equal) add_not_less(total, vectors[t] + start, whole, weights[t], limits[t], m);
            else add_greater(total, vectors[t] + start, whole, weights[t], limits[t], m);
        }
        narrow(votes, total, m);
        keep(live + start, base + start, whole, votes, (uint8_t)needed, factor, m);
    }
}

/* live = base + factor * merged where at least `needed` planes reach levels[t], elsewhere base to the bit */
void planes(const float *base, const float *merged, const uint8_t *const *bytes, const uint8_t *levels, int count,
            int needed, float factor, float *live, int64_t n) {
    uint8_t counted[BYTES];
    float scratch[LANES];
    const int is_one = count == 1 && needed == 1, is_streamed = n >= stream_from;
    BLOCKS(start, m, n, BYTES) {
        if (!is_one) memset(counted, 0, sizeof counted);
        for (int t = 0; t < count; t++) {
            fetch_next(bytes[t] + start, m);
            if (!is_one) add_at_least(counted, bytes[t] + start, levels[t], m);
        }
        const uint8_t *votes = is_one ? bytes[0] + start : counted;
        BLOCKS(inner, lanes, m, LANES) {
            const int64_t here = start + inner;
            float *out = is_streamed ? scratch : live + here;
            keep(out, base + here, merged + here, votes + inner, is_one ? levels[0] : (uint8_t)needed, factor, lanes);
            if (is_streamed) stream(live + here, scratch, lanes);
        }
    }
    if (is_streamed) settle();
}

/* bit i of the words is bytes[i] >= level; n is a multiple of 64 */
void plane_bits(const uint8_t *restrict bytes, uint8_t level, uint8_t *restrict words, int64_t n) {
    for (int64_t start = 0; start < n; start += 64) {
        uint8_t passed[64];
        EACH(i, 64) passed[i] = bytes[start + i] >= level ? 1 : 0;
        EACH(i, 8) {
            uint64_t eight;
            memcpy(&eight, passed + 8 * i, sizeof eight);
            words[start / 8 + i] = (uint8_t)(eight * 0x0102040810204080u >> 56);
        }
    }
}
