; truenorth: the neuron of TrueNorth, with all its modes
;
; law     in this order, once a tick, in 32 bits with saturation; only the stored v saturates to 20 bits. rho are fresh
;         random numbers, F(x, rho) = 1 if |x| >= rho, else 0
;         integrate  V = v + q, q = sum over the active axons, G their kind: s_G, or F(s_G, rho) sgn(s_G) where b_G = 1,
;                    rho of 0 ... 255
;         leak       V* = V + Omega L, L = leak, or F(leak, rho) sgn(leak) where c = 1, rho of 0 ... 255;
;                    Omega = 1, or sgn(V) where epsilon = 1 (leak reversal), and then V* = 0 if it changed sign (no ringing)
;         noise      eta = rho & (2^tm - 1), one for both thresholds
;         spike      V* >= alpha + eta: fires; v = reset_v (gamma 0), V* - (alpha + eta) (gamma 1), V* (gamma 2)
;         floor      else, kappa 1: where V* < -beta, v = -beta; kappa 0: where V* < -(beta + eta), v = -reset_v (gamma 0),
;                    V* + (beta + eta) (gamma 1), V* (gamma 2)
; CLAMP   V* is held in -CEILING ... CEILING before the comparisons, and a neuron at the ceiling fires (as in NeMo)
; modes   gamma, kappa and epsilon are options of the group, or with MODES slots of the lane; b, c and tm are slots
; source  Cassidy et al., IJCNN 2013; widths of Merolla et al., Science 2014, supplement; docs/kernels/truenorth.md
; counts  update 17 (every lane, every tick), on_spike 3
; cycles  update 81, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option GAMMA    = 0 0..=2              ; reset: 0 to reset_v, 1 linear, 2 none; no effect with MODES
.option KAPPA    = 0 0..=1              ; below -beta: 0 reset, 1 saturate; no effect with MODES
.option EPSILON  = 0 0..=1              ; 1: the leak takes the sign of V; no effect with MODES
.option B        = 0 0..=1              ; 1: bit G of slot `b` makes the synapses of kind G stochastic
.option C        = 0 0..=1              ; 1: slot `c` makes the leak stochastic
.option TM       = 0 0..=1              ; 1: slot `tm` gives the width of the threshold's noise, bits
.option MODES    = 0 0..=1              ; 1: slots `gamma`, `kappa` and `epsilon` give every lane its own modes
.option CLAMP    = 0 0..=1              ; 1: the potential is held at the ceiling, where it fires

.accumulator 32 saturate
.if CLAMP
.const CEILING = 393216
.endif
.slot v 20
.slot s0 9
.slot s1 9
.slot s2 9
.slot s3 9
.slot leak 9
.slot alpha 19 = 1
.slot beta 19
.slot reset_v 20
.if B
.slot b 5
.endif
.if C
.slot c 2
.endif
.if TM
.slot tm 6
.endif
.if MODES
.slot gamma 3
.slot kappa 2
.slot epsilon 2
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg leak = r3
    .reg leaked = r4
    .reg alpha = r5
    .reg beta = r6
    .reg floor = r7
    .reg reset = r8
    .reg rho = r9
    .reg size = r10
    .reg one = r11
    .reg minus = r12
    .reg mode = r13
    .reg up = r14
    .reg down = r15
    .reg fired = p1
    .reg below = p2
    lds     v, v
    lda     q, 0
    add.s32 v, v, q
    lds     leak, leak
.if C
    lds     mode, c
    cmp.ne  p1, mode, r0
    @p1 rng rho, 24
    abs     size, leak
    cmp.lt  p2, size, rho               ; F = 0; never where nothing is drawn
    li      one, 1
    li      minus, -1
    @p1 min leak, leak, one             ; sgn(leak)
    @p1 max leak, leak, minus
    @p2 li  leak, 0
.endif
.if EPSILON | MODES
    cmp.lt  p1, v, r0
    cmp.eq  p2, v, r0
.if MODES
    lds     mode, epsilon
    cmp.ne  p3, mode, r0
    pand    p1, p1, p3
    pand    p2, p2, p3
.endif
    @p1 neg leak, leak
    @p2 li  leak, 0
    add.s32 leaked, v, leak
    xor     leak, leaked, v             ; negative where the sign changed
    cmp.lt  p1, leak, r0
.if MODES
    pand    p1, p1, p3
.endif
    @p1 li  leaked, 0
    add     v, leaked, r0
.else
    add.s32 v, v, leak
.endif
    lds     alpha, alpha
    lds     beta, beta
.if CLAMP
    add     size, r0, CEILING
    min     v, v, size
    neg     floor, size
    max     v, v, floor
.endif
.if TM
    lds     mode, tm
    li      one, 1
    shl     size, one, mode
    addi    size, size, -1
    cmp.ne  p1, size, r0
    li      rho, 0
    @p1 rng rho, 0
    and     rho, rho, size
    add.s32 alpha, alpha, rho
.if MODES
    lds     mode, kappa
    cmp.eq  p3, mode, r0
    @p3 add.s32 beta, beta, rho
.else
.if KAPPA == 0
    add.s32 beta, beta, rho
.endif
.endif
.endif
    neg     floor, beta
    cmp.ge  fired, v, alpha
.if CLAMP
    cmp.ge  p3, v, CEILING
    por     fired, fired, p3
.endif
    cmp.lt  below, v, floor
    pand    below, below, !fired
.if MODES
    lds     reset, reset_v
    lds     mode, gamma
    add     up, reset, r0
    neg     down, reset
    li      one, 1
    cmp.eq  p3, mode, one
    @p3 sub.s32 up, v, alpha
    @p3 add.s32 down, v, beta
    cmp.gt  p3, mode, one
    @p3 add up, v, r0
    @p3 add down, v, r0
    lds     mode, kappa
    cmp.ne  p3, mode, r0
    @p3 add down, floor, r0
    @fired add v, up, r0
    @below add v, down, r0
.else
.if GAMMA == 0
    lds     reset, reset_v
    @fired add v, reset, r0
.endif
.if GAMMA == 1
    @fired sub.s32 v, v, alpha
.endif
.if KAPPA
    @below add v, floor, r0
.else
.if GAMMA == 0
    @below neg v, reset
.endif
.if GAMMA == 1
    @below add.s32 v, v, beta
.endif
.endif
.endif
    @fired spk
    sts     v, v
    halt
.end

.on_spike
.if B
    .reg s = r1
    .reg b = r2
    .reg kind = r3
    .reg one = r4
    .reg minus = r5
    .reg rho = r6
    .reg size = r7
    ldy     s, weight
    lds     b, b
    ldy     kind, kind
    srl     b, b, kind
    li      one, 1
    li      minus, -1
    and     b, b, one
    cmp.ne  p1, b, r0
    @p1 rng rho, 24
    abs     size, s
    cmp.lt  p2, size, rho               ; F = 0; never where nothing is drawn
    @p1 min s, s, one                   ; sgn(s)
    @p1 max s, s, minus
    @p2 li  s, 0
    acc     s
.else
    ldy     r1, weight
    acc     r1
.endif
    halt
.end
