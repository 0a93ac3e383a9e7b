; cubalif: leaky integrate and fire with a current, as on Loihi 1
;
; law     u' = wrap24((u * DECAY_U >> 12, by ROUND) + q), q = input of the step, wrapped to 22 bits
;         SYN 2: h' as u' of SYN 1, u' = wrap24((u * DECAY_U >> 12, by ROUND) + h')
;         b = wrap24(u' + bias), with OLD wrap24(u + bias)
;         v = sat24((v * DECAY_V >> 12, by ROUND) + b)
; fire    v > THETA, or v >= THETA with GE; with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; reset   v = RESET_V (RESET 0), v = sat24(v - THETA) (RESET 1; always THETA, without noise), v stays (RESET 2);
;         with LATE it acts one step late: after integration and before the comparison of the next step that updates v
; REFRACT while refractory > 0: it counts down, v stays and nothing fires, u goes on; a spike sets it to REFRACTORY
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE, INJECT
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
;         CLIP: the weight is first held within +-(2^21 - 64)
; noise   INJECT: x = floor(random / 2^8 * 255 / 2^24) - 127, (x + OFFSET) * SPREAD >> 7, toward zero; 1: added to q, 2: added to b;
;         the chip's registers: OFFSET = 64 * offset, SPREAD = 2^exponent
; source  NIR 1.0 `CubaLIF`; Loihi 1 (Davies 2018) as confirmed by the public emulators of its compartment
;         (DECAY_U = 4095 - du, DECAY_V = 4096 - dv of its registers)
; counts  update 18 (8 when idle), on_spike 3
; cycles  update 33 … 84, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option LATE     = 0 0..=1              ; 1: the reset acts in the step after the spike
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option OLD      = 0 0..=1              ; 1: v integrates the current of the step before
.option SYN      = 1 1..=2              ; synapse: 1 exponential, 2 alpha
.option ROUND    = 0 0..=2              ; decays are rounded toward zero, 1: down, 2: to nearest
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this
.option CLIP     = 0 0..=1              ; 1: a weight is at most 2^21 - 64 in magnitude
.option INJECT   = 0 0..=2              ; noise of the chip: 1 added to q, 2 to b

.accumulator 22 wrap
.const DECAY_U = q12(0.8)
.const DECAY_V = q12(0.9)
.const THETA = 6400
.if RESET == 0
.const RESET_V = 0
.endif
.if REFRACT
.const REFRACTORY = 1
.endif
.if NOISE
.const NOISE_MASK = 0
.endif
.if INJECT
.const OFFSET = 0
.const SPREAD = 128
.endif
.slot u 24
.slot v 24
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif
.if LATE & RESET != 2
.slot spiked 2
.endif
.if SYN == 2
.slot h 24
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg silent = r4
    .reg late = r5
    .reg any = r6
    .reg u = r8
    .reg b = r9
    .reg theta = r7
    .reg fired = p1
    .reg frozen = p2
    .reg reset = p3
    .reg h = r10
    .reg noise = r11
    .reg wide = r12
    lds     u, u
    lds     v, v
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if REFRACT
    lds     silent, refractory
.endif
.if LATE & RESET != 2
    lds     late, spiked
.endif
.if SYN == 2
    lds     h, h
.endif
.if IDLE
    or      any, q, u
    or      any, any, v
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
.endif
.if LATE & RESET != 2
    or      any, any, late
.endif
.if SYN == 2
    or      any, any, h
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if OLD
    add     b, u, r0
.endif
.if INJECT
    rng     noise, 8
    li      wide, 255
    mulq    noise, noise, wide, 24
    addi    noise, noise, -127
    add     noise, noise, OFFSET
    mulq.rz noise, noise, SPREAD, 7
.endif
.if INJECT == 1
    add     q, q, noise
.endif
.if SYN == 2 & ROUND == 0
    mulq.rz h, h, DECAY_U, 12
.endif
.if SYN == 2 & ROUND == 1
    mulq    h, h, DECAY_U, 12
.endif
.if SYN == 2 & ROUND == 2
    mulq.rn h, h, DECAY_U, 12
.endif
.if SYN == 2
    add.w24 h, h, q
    sts     h, h
    add     q, h, r0
.endif
.if ROUND == 0
    mulq.rz u, u, DECAY_U, 12
.endif
.if ROUND == 1
    mulq    u, u, DECAY_U, 12
.endif
.if ROUND == 2
    mulq.rn u, u, DECAY_U, 12
.endif
    add.w24 u, u, q
    sts     u, u
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if OLD == 0
    add     b, u, r0
.endif
.if BIAS
    add.w24 b, b, bias
.endif
.if INJECT == 2
    add.w24 b, b, noise
.endif
.if ROUND == 0
    mulq.rz v, v, DECAY_V, 12
.endif
.if ROUND == 1
    mulq    v, v, DECAY_V, 12
.endif
.if ROUND == 2
    mulq.rn v, v, DECAY_V, 12
.endif
    add.s24 v, v, b
.if LATE & RESET != 2
    cmp.ne  reset, late, r0
.if RESET == 0
    @reset add v, r0, RESET_V
.else
    @reset sub.s24 v, v, THETA
.endif
.endif
.if NOISE
    rng     theta, 0
    and     theta, theta, NOISE_MASK
    add     theta, theta, THETA
.if GE
    cmp.ge  fired, v, theta
.else
    cmp.gt  fired, v, theta
.endif
.else
.if GE
    cmp.ge  fired, v, THETA
.else
    cmp.gt  fired, v, THETA
.endif
.endif
.if LATE & RESET != 2
    li      late, 1
    @fired sel late, late, r0
    sts     late, spiked
.endif
.if LATE == 0 & RESET == 0
    @fired add v, r0, RESET_V
.endif
.if LATE == 0 & RESET == 1
    @fired sub.s24 v, v, THETA
.endif
.if REFRACT
    @fired add silent, r0, REFRACTORY
    @fired sts silent, refractory
.endif
    @fired spk
    sts     v, v
done:
    halt
.end

.on_spike
    ldy     r1, weight
.if CLIP
    li      r2, 1
    shl     r2, r2, 21
    addi    r2, r2, -64
    min     r1, r1, r2
    sub     r2, r0, r2
    max     r1, r1, r2
.endif
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
