// needs: shared/bits
// x = quadrant pi/2 + angle, |angle| <= pi/4, but for whole turns, for any finite x.
// Tables have 2/pi for every second power of 2 that x may begin with, less what adds
// whole turns to x 2/pi: a part of 29 bits, whose product with x is exact in float64,
// and the rest. The last bits of 1.5 * 2^52 and a number are those of the nearest whole
// one.

static const double QUARTERS_HIGH[65] = {
    0x1.4p-1, 0x1.4p-1, 0x1.44p-1, 0x1.46p-1, 0x1.46p-1, 0x1.45fp-1, 0x1.45f4p-1,
    0x1.45f3p-1, 0x1.45f3p-1, 0x1.45f3p-1, 0x1.45f308p-1, 0x1.45f307p-1, 0x1.45f306cp-1,
    -0x1.7419f24p-2, -0x1.d067c92p-4, 0x1.7cc1b74p-7, -0x1.067c91cp-8, -0x1.9f246cp-14,
    -0x1.9f246c8p-14, -0x1.9f246c6p-14, 0x1.836e4e4p-16, -0x1.f246c6ep-18,
    0x1.b72722p-23, 0x1.b72722p-23, -0x1.236377cp-25, 0x1.b939106p-26, -0x1.1b1bbeap-28,
    -0x1.b1bbebp-32, -0x1.b1bbeaep-32, 0x1.391054ap-34, 0x1.c882a54p-37,
    -0x1.bbead6p-40, -0x1.bbead6p-40, 0x1.1054a8p-42, 0x1.054a7fp-46, 0x1.054a7fp-46,
    0x1.529fc2p-52, 0x1.529fc28p-52, 0x1.529fc28p-52, 0x1.4a7f09ep-54, 0x1.29fc276p-56,
    0x1.4fe13acp-59, -0x1.603d8a8p-60, -0x1.80f62ap-62, 0x1.fc2757ep-64,
    -0x1.ec5418p-71, -0x1.ec5417p-71, -0x1.ec5417p-71, 0x1.3abe9p-75, 0x1.3abe8fcp-75,
    -0x1.8a82e0ap-76, 0x1.d5f47d4p-78, -0x1.505c158p-81, 0x1.5f47d4ep-82,
    0x1.7d1f534p-84, 0x1.f47d4d4p-86, -0x1.705659p-91, -0x1.705659p-91, 0x1.1f534dep-92,
    0x1.f534dep-96, 0x1.f534ddcp-96, -0x1.596448p-101, -0x1.596448p-101,
    0x1.4d37704p-102, 0x1.34ddc0ep-104,
};

static const double QUARTERS_LOW[65] = {
    0x1.7cc1b727220a9p-7, 0x1.7cc1b727220a9p-7, 0x1.f306dc9c882a5p-9,
    -0x1.9f246c6efab58p-14, -0x1.9f246c6efab58p-14, 0x1.836e4e44152ap-16,
    -0x1.f246c6efab581p-18, 0x1.b727220a94fe1p-23, 0x1.b727220a94fe1p-23,
    0x1.b727220a94fe1p-23, -0x1.236377d5ac07bp-25, -0x1.1b1bbead603d9p-28,
    0x1.c9c882a53f84fp-29, -0x1.b1bbead603d8bp-32, 0x1.391054a7f09d6p-34,
    -0x1.8ddf56b01ec54p-35, 0x1.c882a53f84ebp-37, -0x1.bbead603d8a83p-40,
    0x1.1054a7f09d5f4p-42, -0x1.df56b01ec5417p-43, 0x1.054a7f09d5f48p-46,
    -0x1.f56b01ec5417p-47, 0x1.529fc2757d1f5p-52, 0x1.529fc2757d1f5p-52,
    -0x1.5ac07b1505c16p-53, -0x1.6b01ec5417056p-55, -0x1.ac07b1505c159p-57,
    0x1.4fe13abe8fa9ap-59, 0x1.3f84eafa3ea6ap-61, 0x1.fc2757d1f534ep-64,
    -0x1.ec54170565912p-71, -0x1.ec54170565912p-71, -0x1.ec54170565912p-71,
    -0x1.ec54170565912p-71, 0x1.3abe8fa9a6eep-75, 0x1.3abe8fa9a6eep-75,
    0x1.d5f47d4d37703p-78, -0x1.505c1596447e5p-81, -0x1.505c1596447e5p-81,
    -0x1.4170565911f92p-83, -0x1.05c1596447e49p-85, -0x1.70565911f924fp-91,
    -0x1.70565911f924fp-91, -0x1.70565911f924fp-91, -0x1.c1596447e493bp-93,
    0x1.f534ddc0db629p-96, -0x1.596447e493ad5p-101, -0x1.596447e493ad5p-101,
    -0x1.596447e493ad5p-101, -0x1.65911f924eb53p-103, -0x1.96447e493ad4dp-105,
    0x1.a6ee06db14acdp-107, -0x1.6447e493ad4cep-109, -0x1.911f924eb5336p-111,
    0x1.bb81b6c52b328p-113, -0x1.11f924eb53362p-115, -0x1.1f924eb53361ep-119,
    -0x1.1f924eb53361ep-119, -0x1.f924eb53361dep-123, -0x1.f924eb53361dep-123,
    0x1.b6c52b3278872p-129, 0x1.b6c52b3278872p-129, 0x1.b6c52b3278872p-129,
    -0x1.24eb53361de38p-131, -0x1.275a99b0ef1bfp-134,
};

struct turns_float32 { double angle; uint64_t quadrant; };

static inline struct turns_float32 turns_float32(float x) {
    struct turns_float32 result;
    uint64_t exponent = (bits_of_float32(x) >> 23) & 0xffu;
    uint64_t place = ((exponent < 126 ? 126 : exponent) - 126) >> 1;
    double turns = (double)x * QUARTERS_HIGH[place];
    double low = (double)x * QUARTERS_LOW[place];
    double shifted = (turns + low) + 6755399441055744.0;
    turns = (turns - (shifted - 6755399441055744.0)) + low;
    result.angle = turns * 0x1.921fb54442d18p+0;
    result.quadrant = bits_of_float64(shifted);
    return result;
}
