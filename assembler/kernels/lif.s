; lif: leaky integrate and fire
;
; law     v = sat24((v * DECAY >> 12, toward zero) + q + bias), q = input of the step, wrapped to 22 bits
; fire    v > THETA, or v >= THETA with GE; with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; reset   v = RESET_V (RESET 0), v = sat24(v - THETA) (RESET 1; always THETA, without noise), v stays (RESET 2);
;         with LATE it acts one step late: after integration and before the comparison of the next step that updates v
; REFRACT while refractory > 0: it counts down and v stays, nothing fires; a spike sets it to REFRACTORY
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE
; source  NIR 1.0 `LIF`, one Euler step (or exact decay: the DECAY differs); widths and rounding of Loihi 1 (Davies 2018)
; counts  update 12 (6 when idle), on_spike 3

.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option LATE     = 0 0..=1              ; 1: the reset acts in the step after the spike
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.accumulator 22 wrap
.const DECAY = q12(0.9)
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
    .reg theta = r7
    .reg fired = p1
    .reg frozen = p2
    .reg reset = p3
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
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
    mulq.rz v, v, DECAY, 12
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
    acc     r1
    halt
.end
