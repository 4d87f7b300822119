// Kernels of the CuPy backend, for float and double.
//
// Each walks over its arrays once, in strides of the whole grid. A thread leaves its partial sums
// in `partial`, quantity after quantity, in double; what launches the kernel adds them up. Nothing
// is shared between threads, so that a compiler for the host can run the same source, thread after
// thread, in the tests.

typedef unsigned long long index_t;

#define EACH(i, n)                                                                  \
    index_t i = (index_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);            \
    i += (index_t)gridDim.x * blockDim.x

#define LEAVE(quantity, value)                                                      \
    partial[(index_t)(quantity) * gridDim.x * blockDim.x +                          \
            (index_t)blockIdx.x * blockDim.x + threadIdx.x] = (value)

template <typename T> struct alignas(2 * sizeof(T)) complex_of { T re, im; };

template <typename T> __device__ inline void add_product(
    complex_of<T>& sum, const complex_of<T> a, const complex_of<T> b) {
    sum.re += a.re * b.re - a.im * b.im;
    sum.im += a.re * b.im + a.im * b.re;
}

template <typename T> __device__ inline complex_of<T> conjugate(const complex_of<T> a) {
    return {a.re, -a.im};
}

// The prox of threshold |z| + ridge z^2 / 2, of values >= 0 only where `nonnegative`; scale is
// 1 / (1 + ridge).
template <typename T> __device__ inline T prox(T x, T threshold, T scale, int nonnegative) {
    T size = x < 0 ? -x : x;
    if (!(size > threshold) || (nonnegative && x < 0)) return 0;
    return (x < 0 ? x + threshold : x - threshold) * scale;
}

// correlation becomes the prox of base + step * correlation.
template <typename T> __global__ void shrink(
    T* correlation, const T* base, T step, T threshold, T scale, int nonnegative, index_t n) {
    for (EACH(i, n))
        correlation[i] = prox(base[i] + step * correlation[i], threshold, scale, nonnegative);
}

// Move a code to `next` and its extrapolated point ahead; return the share in what a restart needs.
template <typename T> __device__ inline double go_ahead(
    T& extrapolated, T& code, const T next, const T ahead) {
    const T from = extrapolated, move = next - code;
    extrapolated = next + ahead * move;
    code = next;
    return (double)((from - next) * move);
}

// FISTA's step: the prox at the extrapolated point, and the next such point.
template <typename T> __global__ void accelerate(
    T* extrapolated, T* codes, const T* correlation, const double* factor, T step, T threshold,
    T scale, int nonnegative, index_t n, double* partial) {
    const T ahead = (T)*factor;
    double uphill = 0;
    for (EACH(i, n)) {
        const T at = extrapolated[i] + step * correlation[i];
        const T next = prox(at, threshold, scale, nonnegative);
        uphill += go_ahead(extrapolated[i], codes[i], next, ahead);
    }
    LEAVE(0, uphill);
}

// The same after a prox that was computed before.
template <typename T> __global__ void momentum(
    T* extrapolated, T* codes, const T* next, const double* factor, index_t n, double* partial) {
    const T ahead = (T)*factor;
    double uphill = 0;
    for (EACH(i, n)) uphill += go_ahead(extrapolated[i], codes[i], next[i], ahead);
    LEAVE(0, uphill);
}

// out = x if *flag > 0.
template <typename T> __global__ void copy_if(const double* flag, T* out, const T* x, index_t n) {
    if (!(*flag > 0)) return;
    for (EACH(i, n)) out[i] = x[i];
}

// Store a code and its multiplier, and add to the norms of x - z, z - code, x, z and what is left.
template <typename T> __device__ inline void settle(
    T& code, T& multiplier, const T x, const T target, const T z, double* norms) {
    const T left = target - z;
    norms[0] += (double)((x - z) * (x - z));
    norms[1] += (double)((z - code) * (z - code));
    norms[2] += (double)(x * x);
    norms[3] += (double)(z * z);
    norms[4] += (double)(left * left);
    code = z;
    multiplier = left;
}

// ADMM's update, given the relaxed point plus multiplier and its prox. The norms: of x - new,
// new - codes, x, new and the new multiplier, x being the point before relaxation.
template <typename T> __global__ void relax(
    T* codes, T* multiplier, const T* target, const T* next, T relaxation, index_t n,
    double* partial) {
    double norms[5] = {0, 0, 0, 0, 0};
    for (EACH(i, n)) {
        const T old = codes[i], dual = multiplier[i], z = next[i];
        const T x = old - dual + (target[i] - old - (1 - relaxation) * dual) / relaxation;
        settle(codes[i], multiplier[i], x, target[i], z, norms);
    }
    for (int q = 0; q < 5; ++q) LEAVE(q, norms[q]);
}

// The same with everything between: x = codes - multiplier + correction, relaxed, and its prox.
template <typename T> __global__ void split(
    T* codes, T* multiplier, const T* correction, T relaxation, T threshold, T scale,
    int nonnegative, index_t n, double* partial) {
    double norms[5] = {0, 0, 0, 0, 0};
    for (EACH(i, n)) {
        const T old = codes[i], dual = multiplier[i];
        const T x = old - dual + correction[i];
        const T target = relaxation * correction[i] + old + (1 - relaxation) * dual;
        const T z = prox(target, threshold, scale, nonnegative);
        settle(codes[i], multiplier[i], x, target, z, norms);
    }
    for (int q = 0; q < 5; ++q) LEAVE(q, norms[q]);
}

template <typename T> __global__ void dot(const T* x, const T* y, index_t n, double* partial) {
    double sum = 0;
    for (EACH(i, n)) sum += (double)x[i] * (double)y[i];
    LEAVE(0, sum);
}

// The squared norms of x - y and of x.
template <typename T> __global__ void difference(
    const T* x, const T* y, index_t n, double* partial) {
    double moved = 0, size = 0;
    for (EACH(i, n)) {
        const double apart = (double)x[i] - (double)y[i];
        moved += apart * apart;
        size += (double)x[i] * (double)x[i];
    }
    LEAVE(0, moved);
    LEAVE(1, size);
}

// out[b, c, w] += sum_m spectra[m, c, w] codes[b, m, w].
template <typename T> __global__ void multiply_accumulate(
    complex_of<T>* out, const complex_of<T>* spectra, const complex_of<T>* codes,
    index_t n_filters, index_t n_channels, index_t n_frequencies, index_t n_out) {
    for (EACH(i, n_out)) {
        const index_t w = i % n_frequencies, row = i / n_frequencies;
        const index_t b = row / n_channels, c = row % n_channels;
        complex_of<T> sum = out[i];
        for (index_t m = 0; m < n_filters; ++m)
            add_product(sum, spectra[(m * n_channels + c) * n_frequencies + w],
                        codes[(b * n_filters + m) * n_frequencies + w]);
        out[i] = sum;
    }
}

// out[b, m, w] = sum_c conj(spectra[m, c, w]) signal[b, c, w].
template <typename T> __global__ void multiply_conjugate(
    complex_of<T>* out, const complex_of<T>* spectra, const complex_of<T>* signal,
    index_t n_filters, index_t n_channels, index_t n_frequencies, index_t n_out) {
    for (EACH(i, n_out)) {
        const index_t w = i % n_frequencies, row = i / n_frequencies;
        const index_t b = row / n_filters, m = row % n_filters;
        complex_of<T> sum = {0, 0};
        for (index_t c = 0; c < n_channels; ++c)
            add_product(sum, conjugate(spectra[(m * n_channels + c) * n_frequencies + w]),
                        signal[(b * n_channels + c) * n_frequencies + w]);
        out[i] = sum;
    }
}
