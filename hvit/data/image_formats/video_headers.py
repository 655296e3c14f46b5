"""Image sizes and frame counts of HEVC and AV1 streams, as in HEIC and AVIF."""

VPS_AND_ABOVE, SPS = 32, 33  # types of HEVC units; those below 32 are slices
SEQUENCE, FRAME_HEADER, FRAME = 1, 3, 6  # types of AV1 units


class BitsEndError(ValueError):
    """A truncated header."""


class Bits:
    """Bit reader, most significant bit first."""

    def __init__(self, data: bytes):
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        """Reads `count` bits as an unsigned integer."""
        if count > self._left:
            raise BitsEndError
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """Reads an unsigned Exp-Golomb code, ue(v), HEVC section 9.2."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def hevc_pictures(stream: bytes, length_bytes: int) -> tuple[int, tuple[int, int]]:
    """Number of frames of an HEVC stream, and the largest size in its headers, (0, 0) for none."""
    count, sides, at = 0, (0, 0), 0
    while at + length_bytes + 3 <= len(stream):
        length, at = int.from_bytes(stream[at : at + length_bytes]), at + length_bytes
        kind = stream[at] >> 1 & 63
        if kind < VPS_AND_ABOVE:
            count += stream[at + 2] >> 7  # the first slice of a picture
        elif kind == SPS:
            sides = _larger(sides, _sides_of_sps(stream[at : at + min(length, 256)]))
        at += length
    return count, sides


def hevc_sides_of_config(config: bytes) -> tuple[int, int]:
    """Largest size in an HEVC configuration record (`hvcC`), ISO/IEC 14496-15 section 8.3.3."""
    sides, at = (0, 0), 23
    for _ in range(config[22]):
        count, at = int.from_bytes(config[at + 1 : at + 3]), at + 3
        for _ in range(count):
            length, at = int.from_bytes(config[at : at + 2]), at + 2
            if length > 2 and config[at] >> 1 & 63 == SPS:
                sides = _larger(sides, _sides_of_sps(config[at : at + min(length, 256)]))
            at += length
            if at > len(config):
                raise BitsEndError
    return sides


def _sides_of_sps(unit: bytes) -> tuple[int, int]:
    """Width and height in a sequence parameter set: ITU-T H.265 section 7.3.2.2.1."""
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))  # without emulation prevention
    bits.take(4)
    layers = bits.take(3)  # less 1
    bits.take(1 + 88 + 8)  # nesting, general profile, general level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for has_profile, has_level in present:
        bits.take(88 * has_profile + 8 * has_level)
    bits.exp_golomb()  # its number
    if bits.exp_golomb() == 3:  # chroma format
        bits.take(1)
    return bits.exp_golomb(), bits.exp_golomb()


def av1_pictures(stream: bytes) -> tuple[int, tuple[int, int]]:
    """Number of frames of an AV1 stream, shown or not, and the largest size in its headers."""
    count, sides, at = 0, (0, 0), 0
    while at < len(stream):
        kind, has_extension, has_size = stream[at] >> 3 & 15, stream[at] >> 2 & 1, stream[at] >> 1 & 1
        at += 1 + has_extension
        length, at = _leb128(stream, at) if has_size else (len(stream) - at, at)
        if kind == SEQUENCE:
            sides = _larger(sides, _sides_of_sequence(stream[at : at + min(length, 256)]))
        count += kind in (FRAME_HEADER, FRAME)
        at += length
    return count, sides


def _leb128(stream: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        value |= (stream[at + i] & 127) << 7 * i
        if stream[at + i] < 128:
            break
    return value, at + i + 1


def _sides_of_sequence(unit: bytes) -> tuple[int, int]:
    """Largest width and height of frames in a sequence header: AV1 specification, section 5.5.1."""
    bits = Bits(unit)
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        has_decoder_model, delay_bits = 0, 0
        if bits.take(1):  # timing
            bits.take(64)
            if bits.take(1):
                bits.exp_golomb()
            has_decoder_model = bits.take(1)
            if has_decoder_model:
                delay_bits = bits.take(5) + 1
                bits.take(42)
        has_display_delay = bits.take(1)
        for _ in range(bits.take(5) + 1):  # operating points
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if has_decoder_model and bits.take(1):
                bits.take(2 * delay_bits + 1)
            if has_display_delay and bits.take(1):
                bits.take(4)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _larger(sides: tuple[int, int], others: tuple[int, int]) -> tuple[int, int]:
    return max(sides[0], others[0]), max(sides[1], others[1])
