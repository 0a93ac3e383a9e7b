; if: integrate and fire
;
; law     v = sat24(v + i + bias)
; input   q = input of the step, wrapped to 22 bits; SYN 0: i = q; SYN 1: u' = sat24((u * FADE >> 16, toward zero) + q), i = u';
;         SYN 2: h' as u' of SYN 1, u' = sat24((u * FADE >> 16, toward zero) + h'), i = u'
; fire    v > THETA, or v >= THETA with GE; with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; reset   v = RESET_V (RESET 0), v = sat24(v - THETA) (RESET 1; always THETA, without noise), v stays (RESET 2);
;         with LATE it acts one step late: after integration and before the comparison of the next step that updates v
; REFRACT while refractory > 0: it counts down and v stays, nothing fires; a spike sets it to REFRACTORY
;         the current of SYN goes on
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; source  NIR 1.0 `IF`, one Euler step; widths of Loihi 1 (Davies 2018)
; counts  update 11 (6 when idle), on_spike 3
; cycles  update 24 … 51, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option LATE     = 0 0..=1              ; 1: the reset acts in the step after the spike
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option SYN      = 0 0..=2              ; synapse: 0 delta, 1 exponential, 2 alpha
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this

.accumulator 22 wrap
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
.if SYN
.const FADE = q16(0.8)
.endif
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
.if SYN
.slot u 24
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
    .reg theta = r7
    .reg fired = p1
    .reg frozen = p2
    .reg reset = p3
    .reg u = r8
    .reg h = r9
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
.if SYN
    lds     u, u
.endif
.if SYN == 2
    lds     h, h
.endif
.if IDLE
    or      any, q, v
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
.endif
.if LATE & RESET != 2
    or      any, any, late
.endif
.if SYN
    or      any, any, u
.endif
.if SYN == 2
    or      any, any, h
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if SYN
    mulq.rz u, u, FADE, 16
.endif
.if SYN == 2
    mulq.rz h, h, FADE, 16
    add.s24 h, h, q
    add.s24 u, u, h
    sts     h, h
.endif
.if SYN == 1
    add.s24 u, u, q
.endif
.if SYN
    sts     u, u
    add     q, u, r0
.endif
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if BIAS
    add     q, q, bias
.endif
    add.s24 v, v, q
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
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
