"""The words of the file in the words of a language: names of fields, laws and settings, and what formulas know.

English readers are shown the words of the file themselves, so that they find them again. A test holds every field of the
language to have its word here.
"""

from __future__ import annotations

from salessim.describing.words import Language

_ZH: dict[str, str] = {
    # parts of a scenario
    "scenario": "场景", "salessim": "版本", "name": "名称", "description": "说明", "currency": "货币", "clock": "时钟", "calendars": "日历", "teams": "团队", "segments": "客户类型",
    "attributes": "属性", "limits": "名额", "markets": "市场", "channels": "渠道", "stages": "阶段", "steps": "步骤", "standardisation": "标准化", "modules": "模块", "module_types": "模块类型",
    "in_process": "在途案例", "channel": "渠道", "arrived": "到达", "since": "自", "started": "开始处理", "team": "团队", "visited": "已完成次数", "holds": "持有名额", "responded": "首次响应时间",
    "invariants": "不变规则", "costs": "费用", "measures": "指标", "levers": "改进措施", "uncertain": "不确定值", "provenance": "备注", "title": "标题", "source": "来源", "assumption": "假设",
    # time
    "start": "开始", "end": "结束", "time_zone": "时区", "horizon": "时长", "warm_up": "预热期", "shifts": "班次", "holidays": "节假日", "closed": "停工日", "open": "加班日", "outages": "停机",
    "days": "日", "hours": "时段", "country": "国家", "subdivision": "地区", "date": "日期", "between": "故障间隔", "repair": "修复时间", "weekdays": "周内分布", "months": "月度分布",
    # laws
    "law": "分布", "value": "值", "low": "下限", "high": "上限", "mode": "最可能值", "mean": "均值", "phases": "阶段数", "cv": "变异系数", "shape": "形状", "median": "中位数", "p90": "九十分位数",
    "sigma": "对数标准差", "scale": "尺度", "points": "各点", "parts": "组成", "share": "比例", "of": "对象", "constant": "定值", "erlang": "爱尔朗分布", "exponential": "指数分布",
    "gamma": "伽马分布", "loglogistic": "对数逻辑斯蒂分布", "lognormal": "对数正态分布", "mixture": "混合分布", "quantiles": "分位数表", "triangular": "三角分布", "uniform": "均匀分布",
    "weibull": "韦伯分布", "lomax": "洛马克斯分布", "table": "折线表",
    # people
    "size": "数量", "Team.size": "人数", "Segment.value": "金额", "calendar": "日历", "cost": "成本", "skills": "技能", "at_shift_end": "下班时", "overtime_pay": "加班倍数", "concurrency": "并行件数", "slowdown": "并行减速", "absence": "缺勤",
    "joining": "入职", "leaving": "离职", "attrition": "流动", "ramp": "上手期", "learning": "学习曲线", "meetings": "例会", "courses": "培训", "pace": "效率", "under_load": "忙时效率",
    "spell": "每次时长", "paid": "带薪", "count": "数量", "tenure": "在岗时长", "hiring": "补员时间", "over": "范围", "rate": "频率", "experience": "已有经验", "floor": "下限比例", "every": "每隔",
    "recovers": "恢复时间", "waiting": "人均排队数", "suspend": "暂停", "overtime": "加班做完",
    # customers and channels
    "customer": "客户时间", "priority": "优先级", "patience": "耐心", "starts": "初始值", "by_segment": "分客户类型", "formula": "公式", "inherited": "传给后续", "unit": "单位", "returns": "再次出现",
    "enters": "起始步骤", "mixes": "构成变化", "junk": "无效线索", "duplicates": "重复线索", "market": "市场", "arrivals": "到达", "replay": "历史到达", "from": "自", "segment": "客户类型", "after": "间隔",
    "mark": "标记", "yearly_growth": "年增长", "campaigns": "营销活动", "spend": "投放", "content": "内容", "daily_cv": "日间波动", "weekly_volatility": "逐周漂移", "batch": "成组", "factor": "系数", "adds": "增加", "lift": "提升",
    "decay": "衰减", "most": "上限", "half_at": "半效投入", "half_life": "半衰期", "per_week": "每周", "changes": "调整", "adstock": "广告余效", "before": "此前", "pieces": "篇数", "published": "发布",
    "per_piece": "每篇带来", "lag": "滞后", "initial": "初始存量", "cost_per_piece": "每篇成本", "file": "文件", "time": "时间", "case": "案例", "always": "全天候", "rest": "其余", "none": "无",
    # steps
    "each": "每人属于", "owner": "案例负责人", "customer_hours": "客户时段", "days_of_month": "每月几日", "overrides": "核心步骤的例外", "reason": "理由", "allowed_by": "批准人", "removed": "已取消", "was": "原值", "missing": "缺失", "rules": "规则", "send": "派往",
    "work": "人工时间", "automatic": "自动处理时间", "parallel": "并行", "counts_from": "起算时点", "at_least": "最短", "counts_in": "计时单位", "sets": "变更", "adherence": "执行率", "unless": "除非", "reminders": "提醒", "posted": "定时处理", "gather": "凑批",
    "takes": "占用名额", "gives_back": "归还名额", "silent": "不告而别", "attempt": "联系尝试", "serve_first": "优先公式", "versions": "推广版本", "time_by_segment": "分类型时间", "by": "人员",
    "skill": "技能", "together_with": "协同", "automation": "自动化", "queue": "排队规则", "hold": "预留", "patience_by_segment": "分类型耐心", "gives_up": "放弃后", "waiting_room": "候客上限",
    "core": "核心", "optional": "可选", "milestone": "里程碑", "activity": "日志中的活动", "spawns": "后续案例", "then": "之后", "to": "转到", "lost": "流失", "done": "结束", "join": "汇合", "when": "条件", "limit": "次数上限",
    "fades": "衰减", "handoff": "交接", "at_most": "最多等待", "at": "时点", "kind": "类型", "probability": "概率", "new_customer": "新客户", "gives": "带入", "passes": "沿用名额", "step": "步骤",
    "latency": "交接延迟", "rekey": "重复录入", "duplicated": "重复", "age": "案例时长", "response": "首次响应", "won": "赢单", "delivered": "交付", "first_come": "先到先办", "newest_first": "最新者优先",
    "highest_value": "金额最高者优先", "longest_in_process": "在流程中最久者优先", "level": "程度", "spread": "离散", "detours": "绕行", "skips": "跳过", "unusual": "特殊案例", "loss": "损失", "decided": "决策点",
    "use": "采用", "with": "参数", "connect": "连接", "stage": "阶段", "expanded": "展开", "into": "成为",
    # costs, measures, uncertain values
    "running": "持续费用", "one_off": "一次性费用", "per_month": "每月", "direction": "方向", "plus": "加", "together": "同变", "all": "全部", "ended": "已结束", "service": "服务案例",
    "lower is better": "越低越好", "higher is better": "越高越好", "neither": "无优劣",
    # levers
    "running_cost": "持续费用", "one_off_cost": "一次性费用", "needs": "前提", "excludes": "互斥", "rollout": "推广", "dip": "学习期减速", "for": "持续", "field": "字段", "integer": "整数", "choice": "可选值",
    "range": "范围", "add_staff": "增员", "up_to": "最多", "joins": "到岗", "effects": "影响", "set": "设为", "prioritise": "调整优先级", "automate": "自动化", "adoption": "采用率", "time_factor": "时间系数",
    "failure": "失败率", "errors": "差错", "error_factor": "差错系数", "answer_at_once": "即时应答", "quality": "兴趣保留率", "approve_by_rule": "按规则审批", "value_factor": "金额系数",
    "sign_electronically": "电子签约", "fast_share": "快速签约比例", "fast": "快速签约时间", "remove": "取消步骤", "escape": "漏检率", "escape_at": "漏检影响", "then_to": "改为转到", "merge": "合并步骤",
    "in_parallel": "并行进行", "train": "培训", "adherence_gain": "执行率提升", "ramp_factor": "上手期系数", "cross_train": "交叉培训", "speed": "效率", "cadence": "跟进节奏", "gap_factor": "间隔系数",
    "touches": "跟进次数", "again": "再次跟进", "replies": "回复", "reply_factor": "回复系数", "opt_outs": "退订", "opt_out_factor": "退订系数", "personalise": "个性化", "work_factor": "工作量系数",
    "discount": "折扣权限", "win_factor": "赢单系数", "approvals": "审批", "approval_factor": "审批系数", "self_service": "客户自助", "deflection": "自助解决率", "budget": "预算", "paid_as": "费用项目",
    "half": "半效投入", "organic": "自然到达", "standardise": "标准化", "spread_factor": "离散系数", "unusual_factor": "特殊案例系数", "integrate": "系统集成", "latency_factor": "交接延迟系数",
    "duplicate_factor": "重复系数", "swap": "更换模块", "module": "模块",
    "yes": "是", "no": "否",
}  # fmt: skip

TERMS: dict[Language, dict[str, str]] = {"en": {}, "zh": _ZH}
"""Word of the file -> word of the reader; a word that is not here is shown as it is."""

FORMULA: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {
        "waited": "已等待时间", "age": "案例时长", "spent": "已用工时", "visit": "到访次数", "value": "金额", "cost": "成本", "queue": "排队数", "automated": "由系统完成", "uniform": "随机数",
        "normal": "正态随机数", "branch": "路径序号", "true": "是", "false": "否", "and": " 且 ", "or": " 或 ", "not": "非 ", "*": " × ", "/": " ÷ ", "==": " 为 ", "!=": " 不为 ", "<=": " ≤ ", ">=": " ≥ ",
        "<": " < ", ">": " > ", "+": " + ", "-": " - ", "^": "^", "(": "（", ")": "）", ",": "，", "segment": "客户类型", "channel": "渠道",
        "min": "最小值（{}）", "max": "最大值（{}）", "exp": "自然指数（{}）", "log": "自然对数（{}）", "sqrt": "平方根（{}）", "abs": "绝对值（{}）", "floor": "向下取整（{}）", "round": "四舍五入（{}）",
        "logistic": "逻辑函数（{}）", "if": "若 {} 则为 {}，否则为 {}", "clamp": "{}（限于 {} 至 {}）", "on": "“{}”内的时间", "in_use": "“{}”已占用数", "chance": "以 {} 的概率取 {}，否则取 {}",
    },
}  # fmt: skip
"""What stands in formulas; a language without words here shows formulas as they were written."""
