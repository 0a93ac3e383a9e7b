; cubalif: leaky integrate and fire with a current, as on Loihi 1
;
; law     u' = wrap24((u * DECAY_U >> 12, toward zero) + q), q = input of the step, wrapped to 22 bits
;         b = wrap24(u' + bias), with OLD wrap24(u + bias)
;         v = sat24((v * DECAY_V >> 12, toward zero) + b)
; fire    v > THETA, or v >= THETA with GE; with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; reset   v = RESET_V (RESET 0), v = sat24(v - THETA) (RESET 1; always THETA, without noise), v stays (RESET 2);
;         with LATE it acts one step late: after integration and before the comparison of the next step that updates v
; REFRACT while refractory > 0: it counts down, v stays and nothing fires, u goes on; a spike sets it to REFRACTORY
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE
; source  NIR 1.0 `CubaLIF`; Loihi 1 (Davies 2018) as confirmed by the public emulators of its compartment
;         (DECAY_U = 4095 - du, DECAY_V = 4096 - dv of its registers)
; counts  update 18 (8 when idle), on_spike 3

.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option LATE     = 0 0..=1              ; 1: the reset acts in the step after the spike
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option OLD      = 0 0..=1              ; 1: v integrates the current of the step before

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
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if OLD
    add     b, u, r0
.endif
    mulq.rz u, u, DECAY_U, 12
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
    mulq.rz v, v, DECAY_V, 12
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
    acc     r1
    halt
.end
