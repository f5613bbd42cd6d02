"""The words of the booking sentences: cities, and the pieces of which a wording is made, for training and held out.

A wording is an opening, a core and an ending of one group; {o} stands for the city of departure, {d} for the
destination, {p} for the day of departure, {a} for that of arrival.  In English {p} and {a} bring their own "on" where
the day wants one, {P} and {A} do not.  A wording with a held-out piece is for testing, all others are for training.
Chinese is written here in simplified characters; `TRADITIONAL` maps those that differ, each to one character.
"""

from typing import NamedTuple

__all__ = ["CITIES", "GROUPS", "TRADITIONAL", "Group", "Pieces"]


class Pieces(NamedTuple):
    """Openings, cores or endings."""

    train: list[str]
    held_out: list[str]


class Group(NamedTuple):
    """Pieces that go together."""

    openings: Pieces
    cores: Pieces
    endings: Pieces


# fmt: off
CITIES = {  # language: part: cities; 台北, Taipei, is the lecture's, and held out
    "zh": {
        "train": [
            "北京", "上海", "广州", "深圳", "天津", "重庆", "成都", "杭州", "南京", "武汉", "西安", "长沙", "青岛",
            "大连", "沈阳", "哈尔滨", "长春", "济南", "郑州", "合肥", "福州", "南昌", "昆明", "贵阳", "南宁", "海口",
            "三亚", "兰州", "西宁", "银川", "太原", "石家庄", "呼和浩特", "宁波", "温州", "台州", "烟台", "北海",
            "桂林", "珠海", "台中", "花莲", "香港", "东京", "大阪", "首尔", "釜山", "新加坡", "吉隆坡", "河内",
            "马尼拉", "新德里", "孟买", "迪拜", "开罗", "伦敦", "巴黎", "柏林", "慕尼黑", "罗马", "米兰", "马德里",
            "莫斯科", "纽约", "洛杉矶", "芝加哥", "波士顿", "西雅图", "多伦多", "温哥华", "悉尼", "墨尔本",
            "阿布扎比", "布达佩斯", "布鲁塞尔", "圣彼得堡", "哥本哈根", "斯德哥尔摩", "赫尔辛基", "奥斯陆",
            "约翰内斯堡", "布宜诺斯艾利斯", "圣保罗", "利马", "布里斯班", "惠灵顿", "加尔各答", "卡拉奇", "德黑兰",
            "巴格达", "安卡拉", "华沙", "布拉格", "苏黎世", "法兰克福", "汉堡", "威尼斯", "佛罗伦萨", "那不勒斯",
            "巴塞罗那", "里斯本", "曼彻斯特", "爱丁堡", "都柏林", "费城", "底特律", "迈阿密", "休斯顿", "达拉斯",
            "丹佛", "檀香山", "蒙特利尔", "渥太华", "乌兰巴托", "加德满都", "科伦坡", "达卡", "仰光", "万象",
            "胡志明市", "清迈", "普吉", "牡丹江", "齐齐哈尔", "佳木斯", "秦皇岛", "张家口", "连云港", "景德镇",
            "九江", "西双版纳", "丽江", "大理", "日喀则", "克拉玛依", "喀什", "吐鲁番", "敦煌", "嘉峪关", "鄂尔多斯",
            "包头", "锡林浩特", "金华", "瓦伦西亚", "古晋", "阿拉木图", "塔什干", "第比利斯",
        ],
        "test": [
            "台北", "高雄", "台南", "澳门", "厦门", "苏州", "拉萨", "乌鲁木齐", "张家界", "无锡", "名古屋", "曼谷",
            "雅加达", "金边", "伊斯坦布尔", "阿姆斯特丹", "维也纳", "日内瓦", "雅典", "旧金山", "华盛顿", "墨西哥城",
            "奥克兰",
        ],
    },
    "en": {
        "train": [
            "Beijing", "Shanghai", "Guangzhou", "Shenzhen", "Chengdu", "Hangzhou", "Hong Kong", "Taichung", "Hualien",
            "Tokyo", "Osaka", "Seoul", "Busan", "Singapore", "Kuala Lumpur", "Hanoi", "Manila", "New Delhi", "Mumbai",
            "Dubai", "Cairo", "Nairobi", "London", "Manchester", "Paris", "Lyon", "Berlin", "Munich", "Rome", "Milan",
            "Madrid", "Lisbon", "Moscow", "Oslo", "New York", "Los Angeles", "Chicago", "Boston", "Seattle", "Denver",
            "Salt Lake City", "Toronto", "Vancouver", "Lima", "Buenos Aires", "Sydney", "Melbourne", "Abu Dhabi",
            "Budapest", "Brussels", "Saint Petersburg", "Copenhagen", "Stockholm", "Helsinki", "Johannesburg",
            "Sao Paulo", "Brisbane", "Wellington", "Karachi", "Baghdad", "Ankara", "Warsaw", "Prague", "Zurich",
            "Frankfurt", "Hamburg", "Venice", "Florence", "Naples", "Barcelona", "Edinburgh", "Dublin",
            "Philadelphia", "Detroit", "Miami", "Houston", "Dallas", "Honolulu", "Montreal", "Ottawa", "Ulaanbaatar",
            "Kathmandu", "Colombo", "Dhaka", "Yangon", "Ho Chi Minh City", "Chiang Mai", "Santa Fe", "San Diego",
            "New Orleans", "Cape Town", "Tel Aviv", "Addis Ababa", "Dar es Salaam", "Kansas City",
        ],
        "test": [
            "Taipei", "Kaohsiung", "Macau", "Xiamen", "Kyoto", "Bangkok", "Jakarta", "Istanbul", "Amsterdam",
            "Vienna", "Geneva", "Athens", "San Francisco", "Washington", "Las Vegas", "Mexico City", "Rio de Janeiro",
            "Auckland",
        ],
    },
}

GROUPS = {
    "zh": [
        Group(  # what somebody wants
            Pieces(
                [
                    "", "我要", "我打算", "我准备", "我希望", "我得", "我们要", "我们打算", "请安排我", "出差，要",
                    "您好，我要",
                ],
                ["我想", "我想要", "我计划", "我们准备", "你好，我打算"],
            ),
            Pieces(
                [
                    "{a}到达{d}", "{a}抵达{d}", "{a}到{d}", "在{a}到达{d}", "{a}之前到{d}", "去{d}", "飞{d}",
                    "到{d}去", "{p}离开{o}", "{p}从{o}出发", "在{p}离开{o}", "离开{o}", "从{o}出发", "{p}从{o}起飞",
                    "{p}出发去{d}", "{p}从{o}飞往{d}", "{p}从{o}去{d}", "从{o}到{d}，{p}出发", "从{o}飞{d}，{a}到达",
                    "{p}离开{o}去{d}", "从{o}出发，{a}到{d}", "{p}离开{o}，{a}到达{d}", "{p}从{o}出发，{a}抵达{d}",
                    "从{o}飞到{d}，{p}走", "到{d}，{a}到，从{o}起飞", "{p}去{d}", "{p}飞{d}，从{o}走",
                ],
                [
                    "{a}赶到{d}", "{p}前往{d}", "{p}从{o}动身", "{p}由{o}前往{d}", "由{o}飞往{d}，{p}启程",
                    "{a}飞抵{d}", "{p}离开{o}前往{d}", "自{o}出发，{a}之前赶到{d}", "去{d}，{a}到达，{p}出发",
                ],
            ),
            Pieces(
                ["", "。", "，谢谢"],
                ["，麻烦了", "，谢谢你"],
            ),
        ),
        Group(  # tickets
            Pieces(
                ["订一张", "帮我订一张", "我要订一张", "我想订一张", "请给我一张", "要两张", "买一张", "查一下"],
                ["麻烦订一张", "我想买一张", "给我来三张"],
            ),
            Pieces(
                [
                    "{p}从{o}到{d}", "{p}{o}到{d}", "从{o}飞{d}", "{p}去{d}", "去{d}", "{a}到{d}", "{a}到达{d}",
                    "{p}离开{o}", "从{o}出发", "{p}从{o}出发", "{o}到{d}，{p}", "{p}飞往{d}", "{p}出发，{a}到达{d}",
                    "{o}飞{d}，{a}到达",
                ],
                ["{p}由{o}飞往{d}", "{a}抵达{d}", "{o}至{d}，{p}出发", "{a}前到{d}"],
            ),
            Pieces(
                ["的机票", "的票", "的飞机票"],
                ["的单程机票", "的机票，越快越好"],
            ),
        ),
        Group(  # questions
            Pieces(
                ["有没有", "请问有没有", "我想知道有没有", "还有", "有"],
                ["能不能查到", "想问问有没有", "请问还有没有"],
            ),
            Pieces(
                [
                    "{p}从{o}到{d}的", "{p}去{d}的", "{a}到达{d}的", "{a}到{d}的", "从{o}飞{d}的", "{p}离开{o}的",
                    "{p}从{o}起飞的", "去{d}的", "{o}飞往{d}的", "{p}{o}飞{d}的",
                ],
                ["{a}抵达{d}的", "{p}由{o}去{d}的", "{p}飞{d}的"],
            ),
            Pieces(
                ["航班", "航班吗", "飞机", "飞机吗？"],
                ["班机", "航班呢？"],
            ),
        ),
    ],
    "en": [
        Group(  # what somebody wants
            Pieces(
                [
                    "I want to", "I need to", "I have to", "I'd like to", "we want to", "we need to", "I am going to",
                    "please help me", "my plan is to",
                ],
                ["I would like to", "we would like to", "I hope to", "can I"],
            ),
            Pieces(
                [
                    "arrive in {d} {a}", "get to {d} {a}", "be in {d} by {A}", "arrive {a} in {d}", "fly to {d}",
                    "go to {d}", "leave {o} {p}", "leave from {o} {p}", "depart from {o} {p}", "leave {o}",
                    "fly from {o} to {d} {p}", "fly to {d} from {o}", "go from {o} to {d}", "leave {p} for {d}",
                    "leave {o} {p} and arrive in {d} {a}", "depart {p} from {o} and get to {d} {a}",
                    "fly to {d} , arriving {a}", "travel from {o} , leaving {p} , to {d}", "fly out of {o} {p}",
                ],
                [
                    "reach {d} {a}", "set off from {o} {p}", "land in {d} {a}", "travel to {d} before {A}",
                    "leave {o} for {d} {p}", "start from {o} and reach {d} {a}",
                ],
            ),
            Pieces(
                ["", "please", ".", ", thank you"],
                [", thanks a lot", "if possible"],
            ),
        ),
        Group(  # tickets
            Pieces(
                ["book", "please book", "I want", "find me", "show me", "I am looking for", "can you find"],
                ["could I have", "search for", "I would like"],
            ),
            Pieces(
                [
                    "a flight from {o} to {d} {p}", "a flight to {d}", "a ticket to {d} {p}",
                    "a flight arriving in {d} {a}", "a flight leaving {o} {p}", "a flight out of {o}",
                    "a ticket from {o} to {d}", "flights to {d} from {o}", "flights departing from {o} {p}",
                    "flights that arrive in {d} {a}", "flights that leave {o} {p}", "a flight {p} from {o} to {d}",
                    "a flight from {o} that gets to {d} {a}", "the {o} to {d} flight {p}",
                ],
                [
                    "a seat to {d} {p}", "a flight for {d} leaving {p}", "a flight landing in {d} {a}",
                    "something from {o} to {d} {p}",
                ],
            ),
            Pieces(
                ["", "please", "."],
                [", the cheapest one", "for two people"],
            ),
        ),
        Group(  # the day comes first, and only what follows says which day it is
            Pieces(
                [""],
                ["hello ,"],
            ),
            Pieces(
                [
                    "{a} I want to arrive in {d}", "{p} I want to leave {o}", "{p} I need to fly from {o} to {d}",
                    "{a} I have to be in {d}", "{p} I am leaving {o}", "{p} we fly to {d}", "from {o} to {d} {p}",
                    "to {d} from {o} , leaving {p}", "{a} we arrive in {d} from {o}", "to {d} {p}",
                ],
                ["{a} I must reach {d}", "{p} I would like to leave {o}", "{a} I would like to arrive in {d}"],
            ),
            Pieces(
                ["", "please", "."],
                [", thank you very much"],
            ),
        ),
    ],
}
# fmt: on

# 台 stays: 台北 is how Taipei writes itself most often.
TRADITIONAL = str.maketrans(
    "广庆汉长岛连沈阳尔滨济郑贵宁亚兰银庄温烟莲东内马买开罗伦纽约矶顿图华达鲁圣奥陆诺灵苏萨彻爱费迈乌满万"
    "齐张云镇双纳丽则玛关头锡晋门厦无边维旧准备们请计划飞离从发赶动启谢烦订帮给两来机单没问还吗号后礼这个"
    "周",
    "廣慶漢長島連瀋陽爾濱濟鄭貴寧亞蘭銀莊溫煙蓮東內馬買開羅倫紐約磯頓圖華達魯聖奧陸諾靈蘇薩徹愛費邁烏滿萬"
    "齊張雲鎮雙納麗則瑪關頭錫晉門廈無邊維舊準備們請計劃飛離從發趕動啟謝煩訂幫給兩來機單沒問還嗎號後禮這個"
    "週",
)
